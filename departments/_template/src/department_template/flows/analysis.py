"""Analysis: which was the warmest day of each place?"""

from prefect import flow

from airnub_core import Report
from airnub_prefect.finish_stage import finish_stage
from airnub_prefect.run_names import run_name
from airnub_prefect.settings_resolution import resolve
from department_template.settings import AnalysisSettings
from department_template.tasks import report


@flow(name="department-template-analysis", description=__doc__, flow_run_name=run_name)
async def analysis(settings: AnalysisSettings | None = None) -> Report:
    """Settings: the parameter, else the Variable, else the YAML file."""
    settings = await resolve(AnalysisSettings, settings)
    return await finish_stage(settings, Report([await report(settings)]))

"""Processing: what was ingested becomes typed Parquet, one dataset a source; rows that do not fit are set aside."""

from prefect import flow

from airnub_core import Report
from airnub_prefect.conclusion import conclude
from airnub_prefect.resolution import resolve
from airnub_prefect.run_names import run_name
from project_alpha.datasets import DATASETS
from project_alpha.settings import ProcessingSettings
from project_alpha.tasks import dataset


@flow(name="project-alpha-processing", description=__doc__, flow_run_name=run_name)
async def processing(settings: ProcessingSettings | None = None) -> Report:
    """Settings: the parameter, else the Variable, else the YAML file."""
    settings = await resolve(ProcessingSettings, settings)
    report = Report([await dataset(name, settings) for name in DATASETS])
    return await conclude(settings, report)

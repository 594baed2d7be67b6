"""Analysis: where does it rain more, in Seattle or in New York? Answered with a table, a plot and a report."""

from prefect import flow

from airnub_core import Report
from airnub_prefect.artifacts import publish_image, publish_markdown, publish_table
from airnub_prefect.finish_stage import finish_stage
from airnub_prefect.run_names import run_name
from airnub_prefect.settings_resolution import resolve
from project_alpha.settings import AnalysisSettings
from project_alpha.tasks import rain_report


@flow(name="project-alpha-analysis", description=__doc__, flow_run_name=run_name)
async def analysis(settings: AnalysisSettings | None = None) -> Report:
    """Settings: the parameter, else the Variable, else the YAML file."""
    settings = await resolve(AnalysisSettings, settings)
    written = await rain_report(settings)
    if written.plot is not None:
        await publish_table(
            "project-alpha-rain-table", written.rows, "Rain at each location: rain in mm, longest dry spell in days"
        )
        await publish_image("project-alpha-rain-plot", written.plot, "Mean rain by month at each location")
        await publish_markdown("project-alpha-rain-report", written.text, "Where does it rain more?")
    return await finish_stage(settings, Report(written.outcomes))

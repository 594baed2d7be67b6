"""Ingestion: everything that the settings name, fetched into the content store by category."""

from prefect import flow

from airnub_core import Report
from airnub_prefect.finish_stage import finish_stage
from airnub_prefect.run_names import run_name
from airnub_prefect.settings_resolution import resolve
from department_template.flows.ingestion.public_api_data import public_api_data
from department_template.flows.ingestion.scheduled_file_downloads import scheduled_file_downloads
from department_template.flows.ingestion.web_page_link_scraping import web_page_link_scraping
from department_template.settings import IngestionSettings


@flow(name="department-template-ingestion", description=__doc__, flow_run_name=run_name)
async def ingestion(
    settings: IngestionSettings | None = None,
    force: bool = False,
    sources: list[str] | None = None,
    failed: bool = False,
) -> Report:
    """Settings: the parameter, else the Variable, else the YAML file. `force`: re-fetch even if unchanged.

    `sources`: run only these. `failed`: run only the items that failed in the last run.
    """
    settings = (await resolve(IngestionSettings, settings)).only(sources, failed=failed)
    report = Report()
    report += await public_api_data(settings.category(settings.public_api_data), force)
    report += await scheduled_file_downloads(settings.category(settings.scheduled_file_downloads), force)
    report += await web_page_link_scraping(settings.category(settings.web_page_link_scraping), force)
    return await finish_stage(settings, report, settings.tolerated_failures)

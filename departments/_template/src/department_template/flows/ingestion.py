"""Ingestion: everything that department_template's settings name, fetched into its content store."""

from prefect import flow

from airnub_core import Report
from airnub_prefect.conclusion import conclude
from airnub_prefect.resolution import resolve
from airnub_prefect.tasks import fetch_files
from department_template.settings import IngestionSettings


@flow(name="department-template-ingestion", description=__doc__)
async def ingestion(settings: IngestionSettings | None = None, force: bool = False) -> Report:
    """Settings: the parameter, else the Variable, else the YAML file. `force` fetches also what is unchanged."""
    settings = await resolve(IngestionSettings, settings)
    report = await fetch_files(settings.files(), force)
    return await conclude(settings, report, settings.tolerated_failures)

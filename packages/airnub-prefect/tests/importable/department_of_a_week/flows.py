"""Its flows."""

from prefect import flow

from airnub_core import Report
from airnub_prefect.datasets import make_datasets
from airnub_prefect.finish_stage import finish_stage
from airnub_prefect.pipeline import run_stages
from airnub_prefect.tasks import fetch_files
from department_of_a_week.settings import IngestionSettings, ProcessingSettings


@flow(name="department-of-a-week-ingestion")
async def ingestion(settings: IngestionSettings, failed: bool = False) -> Report:
    """Fetches files."""
    settings = settings.only(None, failed=failed)
    return await finish_stage(
        settings, await fetch_files(settings.category(settings.files)), settings.tolerated_failures
    )


@flow(name="department-of-a-week-processing")
async def processing(settings: ProcessingSettings) -> Report:
    """Makes the datasets."""
    return await finish_stage(settings, await make_datasets(settings))


@flow(name="department-of-a-week")
async def pipeline(
    ingesting: IngestionSettings, processed: ProcessingSettings, failed: bool = False
) -> dict[str, Report]:
    """Both stages in one run."""
    return await run_stages(
        {"ingestion": lambda: ingestion(ingesting, failed), "processing": lambda: processing(processed)}
    )

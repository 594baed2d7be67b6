"""Files at known URLs, fetched on a schedule."""

from prefect import flow

from airnub_core import FileSource, Report
from airnub_prefect.run_names import run_name
from airnub_prefect.settings import CategoryConfig
from airnub_prefect.tasks import fetch_files


@flow(name="department-template-scheduled-file-downloads", description=__doc__, flow_run_name=run_name)
async def scheduled_file_downloads(config: CategoryConfig[FileSource], force: bool = False) -> Report:
    """Fetch the sources of this category; failed items are in the report, and the stage judges them."""
    return await fetch_files(config, force)

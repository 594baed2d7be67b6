"""Public JSON APIs, read page by page."""

from prefect import flow

from airnub_core import ApiSource, Report
from airnub_prefect.run_names import run_name
from airnub_prefect.settings import CategoryConfig
from airnub_prefect.tasks import fetch_apis


@flow(name="department-template-public-api-data", description=__doc__, flow_run_name=run_name)
async def public_api_data(config: CategoryConfig[ApiSource], force: bool = False) -> Report:
    """Fetch the sources of this category; failed items are in the report, and the stage judges them."""
    return await fetch_apis(config, force)

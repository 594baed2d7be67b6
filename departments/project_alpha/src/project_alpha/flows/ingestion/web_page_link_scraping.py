"""Files that web pages link to."""

from prefect import flow

from airnub_core import PageSource, Report
from airnub_prefect.run_names import run_name
from airnub_prefect.settings import CategoryConfig
from airnub_prefect.tasks import fetch_pages


@flow(name="project-alpha-web-page-link-scraping", description=__doc__, flow_run_name=run_name)
async def web_page_link_scraping(config: CategoryConfig[PageSource], force: bool = False) -> Report:
    """Fetch the sources of this category; failed items are in the report, and the stage judges them."""
    return await fetch_pages(config, force)

"""The category web_page_link_scraping, alone."""

import asyncio

from airnub_core import Kind
from department_template.demo import DEMO
from department_template.flows.ingestion.web_page_link_scraping import web_page_link_scraping


def test_everything_is_stored(prefect_api, site, tmp_path):
    """What its part of the settings names."""
    settings = DEMO.settings(site, tmp_path)["ingestion"]
    report = asyncio.run(web_page_link_scraping(settings.part(settings.web_page_link_scraping)))
    assert {outcome.kind for outcome in report.outcomes} == {Kind.STORED}

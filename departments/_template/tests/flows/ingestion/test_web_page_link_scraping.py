"""The flow of the category web_page_link_scraping."""

import asyncio

from airnub_core import NetworkSettings, PageSource, Status
from airnub_core.sample_site import Reply, SampleSite
from airnub_prefect.settings import CategoryConfig
from department_template.flows.ingestion.web_page_link_scraping import web_page_link_scraping

ROUTES = {"/data": Reply(b'{"records": [{"a": 1}]}'), "/page": Reply(b'<a href="/data">Data</a>')}


def test_its_sources_are_stored(prefect_api, tmp_path):
    """The source and its site are those of the test."""
    with SampleSite(ROUTES) as site:
        source = PageSource(name="links", page=site.url("/page"), links="a")
        network = NetworkSettings(allow_private_hosts=True)
        part = CategoryConfig(store=str(tmp_path), network=network, sources=[source], package="department_template")
        report = asyncio.run(web_page_link_scraping(part))
    assert [(outcome.kind, outcome.url) for outcome in report.outcomes] == [(Status.STORED, site.url("/data"))]
    assert (tmp_path / report.outcomes[0].path).read_bytes() == ROUTES["/data"].body

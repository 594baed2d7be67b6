"""The flow of the category public_api_data."""

import asyncio

from airnub_core import ApiSource, NetworkSettings, Status
from airnub_core.sample_site import Reply, SampleSite
from airnub_prefect.settings import CategoryConfig
from department_template.flows.ingestion.public_api_data import public_api_data

ROUTES = {"/data": Reply(b'{"records": [{"a": 1}]}'), "/page": Reply(b'<a href="/data">Data</a>')}


def test_its_sources_are_stored(prefect_api, tmp_path):
    """The source and its site are those of the test."""
    with SampleSite(ROUTES) as site:
        source = ApiSource(name="records", url=site.url("/data"), records="records")
        network = NetworkSettings(allow_private_hosts=True)
        part = CategoryConfig(store=str(tmp_path), network=network, sources=[source], package="department_template")
        report = asyncio.run(public_api_data(part))
    assert {outcome.kind for outcome in report.outcomes} == {Status.STORED}

"""The category public_api_data, alone."""

import asyncio

from airnub_core import Kind
from department_template.demo import DEMO
from department_template.flows.ingestion.public_api_data import public_api_data


def test_everything_is_stored(prefect_api, site, tmp_path):
    """What its part of the settings names."""
    settings = DEMO.settings(site, tmp_path)["ingestion"]
    report = asyncio.run(public_api_data(settings.part(settings.public_api_data)))
    assert {outcome.kind for outcome in report.outcomes} == {Kind.STORED}

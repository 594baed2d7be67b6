"""The category scheduled_file_downloads, alone."""

import asyncio

from airnub_core import Kind
from department_template.demo import DEMO
from department_template.flows.ingestion.scheduled_file_downloads import scheduled_file_downloads


def test_everything_is_stored(prefect_api, site, tmp_path):
    """What its part of the settings names."""
    settings = DEMO.settings(site, tmp_path)["ingestion"]
    report = asyncio.run(scheduled_file_downloads(settings.part(settings.scheduled_file_downloads)))
    assert {outcome.kind for outcome in report.outcomes} == {Kind.STORED}

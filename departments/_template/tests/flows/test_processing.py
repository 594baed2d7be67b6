"""The processing, alone."""

import asyncio

import pytest

from airnub_prefect.errors import StageFailedError
from department_template.demo import DEMO
from department_template.flows.ingestion import ingestion
from department_template.flows.processing import processing
from department_template.settings import ProcessingSettings


def test_every_row_of_the_sample_is_in_the_dataset(prefect_api, site, tmp_path):
    """None is set aside."""
    settings = DEMO.settings(site, tmp_path)
    asyncio.run(ingestion(settings["ingestion"]))
    report = asyncio.run(processing(settings["processing"]))
    assert [(outcome.rows, outcome.quarantined) for outcome in report.outcomes] == [(30, 0)]


def test_it_needs_what_the_ingestion_stores(prefect_api, data_root):
    """And says so."""
    with pytest.raises(StageFailedError, match="run the ingestion first"):
        asyncio.run(processing(ProcessingSettings(store="store", datasets="datasets")))

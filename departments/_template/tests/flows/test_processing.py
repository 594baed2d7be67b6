"""The processing, alone."""

import asyncio

import pytest

from airnub_prefect.errors import StageFailedError
from department_template.demo import DEMO
from department_template.flows.ingestion import ingestion
from department_template.flows.processing import processing
from department_template.settings import ProcessingSettings


def test_the_sample_is_made_a_dataset(prefect_api, site, tmp_path):
    """Without the row that a later one corrects, and without the row that breaks a rule."""
    settings = DEMO.settings(site, tmp_path)
    asyncio.run(ingestion(settings["ingestion"]))
    report = asyncio.run(processing(settings["processing"]))
    [made] = report.outcomes
    assert (made.rows_read, made.rows, made.superseded, made.quarantined) == (32, 30, 1, 1)


def test_it_needs_what_the_ingestion_stores(prefect_api, data_root):
    """And says so."""
    with pytest.raises(StageFailedError, match="run the ingestion first"):
        asyncio.run(processing(ProcessingSettings(store="store", datasets="datasets")))

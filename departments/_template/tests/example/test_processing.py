"""The processing, on the rows of the example."""

import asyncio

from department_template.example.demo import DEMO
from department_template.flows.ingestion import ingestion
from department_template.flows.processing import processing


def test_the_dataset_of_the_sample(prefect_api, site, tmp_path):
    """It lacks the row that a later one corrects, and the row that breaks a rule."""
    settings = DEMO.settings(site, tmp_path)
    asyncio.run(ingestion(settings["ingestion"]))
    report = asyncio.run(processing(settings["processing"]))
    [made] = report.outcomes
    assert (made.rows_read, made.rows, made.superseded, made.quarantined) == (32, 30, 1, 1)

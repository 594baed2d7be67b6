"""The pipeline, and with it every stage, against a real Prefect server and a real site."""

import asyncio

import pytest

from airnub_core import Kind
from airnub_prefect.errors import StageFailedError
from department_template.demo import DEMO
from department_template.flows.analysis import analysis
from department_template.flows.pipeline import pipeline
from department_template.flows.processing import processing
from department_template.settings import AnalysisSettings, ProcessingSettings


def run(site, root):
    """Run the pipeline on a site; its reports by stage."""
    return asyncio.run(pipeline(**DEMO.settings(site, root)))


def test_first_run_stores_and_second_finds_everything_unchanged(prefect_api, site, tmp_path):
    """Every stage ends well, and a second run makes nothing new."""
    first, second = run(site, tmp_path), run(site, tmp_path)
    assert list(first) == ["ingestion", "processing", "analysis"]
    assert {outcome.kind for report in first.values() for outcome in report.outcomes} == {Kind.STORED}
    assert [(outcome.rows, outcome.quarantined) for outcome in first["processing"].outcomes] == [(30, 0)]
    assert {outcome.kind for report in second.values() for outcome in report.outcomes} == {Kind.UNCHANGED}


def test_a_failed_item_fails_the_run_and_is_named(prefect_api, broken_site, tmp_path):
    """The message names the file and what the server said; no later stage is started."""
    with pytest.raises(StageFailedError, match=r"(?s)ingestion: 1 of 1 items failed.*measurements\.csv: .*410 Gone"):
        run(broken_site, tmp_path)
    assert not (tmp_path / "datasets").exists()


def test_a_stage_alone_says_which_one_comes_first(prefect_api, data_root):
    """Processing needs what ingestion stores, analysis what processing makes."""
    with pytest.raises(StageFailedError, match="run the ingestion first"):
        asyncio.run(processing(ProcessingSettings(store="store", datasets="datasets")))
    with pytest.raises(StageFailedError, match="run the processing first"):
        asyncio.run(analysis(AnalysisSettings(datasets="datasets", reports="reports")))

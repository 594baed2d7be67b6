"""The pipeline with all stages, on a real Prefect server and a real site."""

import asyncio

import pytest

from airnub_core import Status
from airnub_prefect.errors import PipelineFailedError
from department_template.department import DEPARTMENT
from department_template.example.demo import DEMO
from department_template.flows.pipeline import pipeline


def run(site, root):
    """Run the pipeline on a site; its reports by stage."""
    return asyncio.run(pipeline(**DEMO.settings(site, root)))


def test_first_run_stores_and_second_finds_everything_unchanged(prefect_api, site, tmp_path):
    """Every stage completes, and a second run stores nothing new."""
    first, second = run(site, tmp_path), run(site, tmp_path)
    assert list(first) == list(second) == [stage.name for stage in DEPARTMENT.stages]
    assert {outcome.kind for report in first.values() for outcome in report.outcomes} == {Status.STORED}
    assert {outcome.kind for report in second.values() for outcome in report.outcomes} == {Status.UNCHANGED}


def test_a_failed_item_fails_the_run_and_is_named(prefect_api, broken_site, tmp_path):
    """The message has the URL and the status; every stage was run, and all other items were stored."""
    with pytest.raises(PipelineFailedError, match=r"(?s)ingestion: 1 of \d items failed.*410 Gone") as failed:
        run(broken_site, tmp_path)
    assert list(failed.value.reports) == [stage.name for stage in DEPARTMENT.stages]
    outcomes = failed.value.reports["ingestion"].outcomes
    assert [outcome.kind for outcome in outcomes].count(Status.FAILED) == 1
    assert {outcome.kind for outcome in outcomes} <= {Status.STORED, Status.FAILED}

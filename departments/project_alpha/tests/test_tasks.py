"""The department's own task: one call, with paths below the data root."""

import asyncio

from prefect.cache_policies import NO_CACHE

from airnub_core import Status
from airnub_data import Location
from airnub_data.testing import write_rows
from project_alpha.datasets import WEATHER
from project_alpha.settings import AnalysisSettings
from project_alpha.tasks import rain_report


def reported(datasets="datasets"):
    """What the task returns."""
    return asyncio.run(rain_report.fn(AnalysisSettings(datasets=str(datasets), reports="reports")))


def test_relative_paths_are_below_the_data_root(weather, data_root):
    """Those of datasets and of reports."""
    write_rows(Location(data_root / "datasets"), WEATHER, weather)
    written = reported()
    assert {outcome.kind for outcome in written.outcomes} == {Status.STORED}
    assert written.plot.is_relative_to(data_root / "reports")


def test_absolute_paths_are_taken_as_they_are(datasets, data_root):
    """They need no data root."""
    assert {outcome.kind for outcome in reported(datasets.root).outcomes} == {Status.STORED}


def test_without_a_dataset_the_report_fails(data_root):
    """As an outcome that says what to do."""
    [outcome] = reported().outcomes
    assert outcome.kind is Status.FAILED
    assert str(outcome.error).endswith("run the processing first")


def test_the_task_is_not_repeated_nor_cached():
    """A fault of this machine's files stays after a retry; files can change between runs."""
    assert rain_report.retries == 0
    assert rain_report.cache_policy == NO_CACHE

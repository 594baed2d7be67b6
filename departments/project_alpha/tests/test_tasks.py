"""The department's tasks: one call each, with paths below the data root."""

import asyncio

import pytest
from prefect.cache_policies import NO_CACHE

from airnub_core import Kind, ingest_files, open_engine
from project_alpha.datasets import DATASETS
from project_alpha.demo import DEMO
from project_alpha.settings import ProcessingSettings
from project_alpha.tasks import dataset, rain_report


@pytest.fixture
def store(sound_site, data_root):
    """A store below the data root, with the weather."""
    settings = DEMO.settings(sound_site, data_root)["ingestion"]

    async def run():
        async with open_engine(data_root / "store", settings.network) as engine:
            await ingest_files(engine, settings.scheduled_file_downloads)

    asyncio.run(run())
    return "store"


def made(name, store="store", datasets="datasets"):
    """What making a dataset came to."""
    return asyncio.run(dataset.fn(name, ProcessingSettings(store=str(store), datasets=str(datasets))))


def test_a_dataset_is_made_and_reported_on(store, data_root):
    """From the store to the report; relative paths are below the data root."""
    weather = made("noaa_daily_weather", store)
    assert (weather.kind, weather.rows, weather.quarantined) == (Kind.STORED, 2922, 0)
    assert (data_root / "datasets" / weather.path).is_file()
    written = rain_report.fn("datasets", "reports")
    assert {outcome.kind for outcome in written.outcomes} == {Kind.STORED}
    assert written.plot.is_relative_to(data_root / "reports")


@pytest.mark.parametrize("name", DATASETS)
def test_without_a_store_a_dataset_fails(name, data_root):
    """As an outcome that says what to do, not as an exception: the other datasets are made."""
    outcome = made(name)
    assert (outcome.source, outcome.kind) == (name, Kind.FAILED)
    assert str(outcome.error).endswith(f"{data_root / 'store'}, found no such folder; run the ingestion first")


def test_without_a_dataset_the_report_fails(data_root):
    """As an outcome that says what to do."""
    [outcome] = rain_report.fn("datasets", "reports").outcomes
    assert outcome.kind is Kind.FAILED
    assert str(outcome.error).endswith("run the processing first")


def test_absolute_paths_are_taken_as_they_are(data_root, tmp_path_factory):
    """They need no data root."""
    folder = tmp_path_factory.mktemp("elsewhere")
    assert str(folder) in str(made("usgs_earthquakes", folder, folder).error)


def test_tasks_are_not_repeated_nor_remembered():
    """Files of this machine heal by no retry, and are there to be looked at again."""
    for task in (dataset, rain_report):
        assert task.retries == 0
        assert task.cache_policy == NO_CACHE

"""Which datasets are behind when an ingestion has ended."""

import asyncio
import sys

import pytest

pytest.importorskip("airnub_data", reason="the extra `datasets` is not installed")

from department_of_data.settings import ProcessingSettings

from airnub_prefect.settings import SourceSettings


class IngestionSettings(SourceSettings, department="department_of_data", stage="ingestion"):
    """Of the department that makes datasets."""

    @classmethod
    def package(cls):
        return "department_of_data"


@pytest.fixture
def asked(prefect_api, monkeypatch, tmp_path):
    """Ask in a flow what is behind, where the processing finds these settings."""
    from prefect import flow

    from airnub_prefect import stale_datasets

    def ask(store="store", processing="store"):
        async def found(kind, given):
            assert (kind, given) == (ProcessingSettings, None)
            return ProcessingSettings(store=str(tmp_path / processing), datasets=str(tmp_path / "datasets"))

        if processing is not None:
            monkeypatch.setattr(stale_datasets, "resolve", found)

        @flow
        async def stage():
            return await stale_datasets.stale_datasets(IngestionSettings(store=str(tmp_path / store)))

        return asyncio.run(stage())

    return ask


def test_what_is_behind_is_named_with_its_reason(asked, fill_store, tmp_path):
    """By this run or from before."""
    fill_store(tmp_path / "store", {"a": b"id,price\n1,2\n"})
    assert asked() == {"orders": "1 new objects; 1 of 1 objects are read"}
    from department_of_data.flows import processing

    settings = ProcessingSettings(store=str(tmp_path / "store"), datasets=str(tmp_path / "datasets"))
    asyncio.run(processing(settings))
    assert asked() == {}


def test_where_it_cannot_be_found_out(asked, fill_store, tmp_path, monkeypatch):
    """The processing has no settings, or those of a different store; the embedded server has nothing that listens."""
    fill_store(tmp_path / "store", {"a": b"id,price\n1,2\n"})
    assert asked(processing=None) is None
    assert asked(processing="other") is None
    monkeypatch.setenv("AIRNUB_EMBEDDED_SERVER", "1")
    assert asked() is None


def test_a_broken_declaration_does_not_fail_the_ingestion(asked, monkeypatch):
    """Its own stage says what is wrong."""
    monkeypatch.setitem(sys.modules, "department_of_data.datasets", None)
    assert asked() is None


def test_what_is_made_of_a_dataset_that_is_behind(fill_store, tmp_path):
    """Is behind, too, though its inputs have no new version yet."""
    from department_of_joins.settings import ProcessingSettings

    from airnub_core import StoreLocation
    from airnub_data import Location
    from airnub_prefect.stale_datasets import _stale

    fill_store(tmp_path / "store", {"a": b"id,price\n1,2\n"})
    settings = ProcessingSettings(store=str(tmp_path / "store"), datasets=str(tmp_path / "datasets"))
    found = _stale(settings, StoreLocation(tmp_path / "store"), Location(tmp_path / "datasets"), {})
    assert found == {
        "orders": "1 new objects; 1 of 1 objects are read",
        "totals": "its inputs are stale: orders",
        "shares": "its inputs are stale: totals",
    }


def test_a_department_without_datasets_has_nothing_behind(asked, monkeypatch):
    """It has neither airnub_data nor polars; nothing of them is imported."""
    from airnub_prefect import stale_datasets

    monkeypatch.setattr(stale_datasets, "find_spec", lambda _name: None)
    assert asked() == {}

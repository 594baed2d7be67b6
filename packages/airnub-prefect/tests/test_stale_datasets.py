"""Stale datasets at the end of an ingestion."""

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
    """Determine stale datasets in a flow whose processing has these settings."""
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


def test_stale_datasets_have_a_reason(asked, fill_store, tmp_path):
    """Because of this run or an earlier one."""
    fill_store(tmp_path / "store", {"a": b"id,price\n1,2\n"})
    assert asked() == {"orders": "1 new objects; 1 of 1 objects are read"}
    from department_of_data.flows import processing

    settings = ProcessingSettings(store=str(tmp_path / "store"), datasets=str(tmp_path / "datasets"))
    asyncio.run(processing(settings))
    assert asked() == {}


def test_a_dataset_without_objects_is_not_stale(asked, fill_store, tmp_path):
    """There is nothing to make it from, so its processing would only fail."""
    fill_store(tmp_path / "store", {})
    assert asked() == {}


def test_stale_datasets_that_cannot_be_determined(asked, fill_store, tmp_path, monkeypatch):
    """Without settings of the processing, with a different store, and on the embedded server."""
    fill_store(tmp_path / "store", {"a": b"id,price\n1,2\n"})
    assert asked(processing=None) is None
    assert asked(processing="other") is None
    monkeypatch.setenv("AIRNUB_EMBEDDED_SERVER", "1")
    assert asked() is None


def test_a_broken_declaration_does_not_fail_the_ingestion(asked, monkeypatch):
    """The processing reports the error."""
    monkeypatch.setitem(sys.modules, "department_of_data.datasets", None)
    assert asked() is None


def test_downstream_datasets_of_a_stale_dataset(fill_store, tmp_path):
    """They are stale before their inputs have a new version."""
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


def test_a_department_without_datasets(asked, monkeypatch):
    """It needs neither airnub_data nor polars."""
    from airnub_prefect import stale_datasets

    monkeypatch.setattr(stale_datasets, "find_spec", lambda _name: None)
    assert asked() == {}

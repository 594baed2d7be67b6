"""Cleanup: what nothing uses any more goes, what a run in flight uses stays, and sizes are measured."""

import os
import time
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from airnub_core import StoreLocation
from airnub_core.store.partials import BODY, NOTE, WORTH_RESUMING, Partials, ResumeInfo, write_resume_info
from airnub_data import Column, Csv, Dataset, Location, make_dataset
from airnub_data.table import Table
from airnub_prefect.cleanup import clean_up

DAY = 24 * 3600
SHOP = Dataset(
    name="orders", source="shop", reader=Csv(), columns={"id": Column(pl.Int64), "price": Column(pl.Int64)}, key=("id",)
)
DATASETS = {"orders": SHOP}


@pytest.fixture
def place(tmp_path, fill_store):
    """A store with an object."""
    fill_store(tmp_path / "store", {"a": b"id,price\n1,2\n"})
    return StoreLocation(tmp_path / "store")


def wait(place, url_digest, days):
    """A partial file whose last bytes came so many days ago."""
    folder = place.hidden / "arriving"
    folder.mkdir()
    (folder / BODY).write_bytes(bytes(WORTH_RESUMING))
    write_resume_info(
        folder, ResumeInfo("shop", "https://example.org/x", url_digest, '"e"', WORTH_RESUMING, "0" * 64, None)
    )
    then = time.time() - days * DAY
    os.utime(folder / NOTE, (then, then))
    assert Partials(place.hidden).park(folder)


def of(result, what):
    return next(one for one in result.kept if one.what == what)


def test_partial_files_that_nothing_resumed_for_a_week_go(place):
    """A younger one stays, and a second time removes nothing."""
    wait(place, "a" * 64, days=8)
    wait(place, "b" * 64, days=6)
    would = of(clean_up([place], dry_run=True), "partial files")
    assert (would.files, would.removed_files, would.removed_size) == (2, 1, WORTH_RESUMING)
    assert len(Partials(place.hidden).keys()) == 2
    done = of(clean_up([place]), "partial files")
    assert (done.files, done.removed_files) == (1, 1)
    assert Partials(place.hidden).keys() == {f"shop.{'b' * 32}"}
    assert clean_up([place]).removed_files == 0


def test_a_partial_file_that_a_run_has_taken_up_stays(place):
    """However old it is: it does not wait any more."""
    wait(place, "a" * 64, days=30)
    taken = place.hidden / "taken"
    assert Partials(place.hidden).take(f"shop.{'a' * 32}", taken)
    assert clean_up([place]).removed_files == 0
    assert (taken / BODY).stat().st_size == WORTH_RESUMING


def test_sizes_are_those_of_the_files(place):
    """Objects with manifests, the index apart from them, and the disk."""
    result = clean_up([place])
    store = of(result, "store")
    files = [path for path in place.objects.rglob("*") if path.is_file() and place.hidden not in path.parents]
    assert (store.files, store.size) == (len(files), sum(path.stat().st_size for path in files))
    assert of(result, "index").size > 0
    [disk] = result.disks
    assert 0 < disk.used < 1


@pytest.fixture
def dataset(place, tmp_path):
    """A dataset with a file that no version refers to, left by a run of long ago."""
    name = SHOP.name
    location = Location(tmp_path / "datasets")
    make_dataset(SHOP, place, location)
    orphan = location.root / name / "null" / "orphan.parquet"
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"four")
    then = time.time() - 60 * DAY
    os.utime(orphan, (then, then))
    return name, location, orphan


def test_expired_files_of_datasets_go(place, dataset):
    """Without them the table is as it was, and a second time adds no version to it."""
    name, location, orphan = dataset
    would = of(clean_up([place], (location, DATASETS), dry_run=True), "dataset")
    assert (would.removed_files, would.removed_size, orphan.exists()) == (1, 4, True)
    assert of(clean_up([place], (location, DATASETS)), "dataset").removed_files == 1
    assert not orphan.exists()
    version = Table.open(location, name).version
    assert clean_up([place], (location, DATASETS)).removed_files == 0
    assert Table.open(location, name).version == version


def test_what_cannot_be_cleaned_up_is_noted_and_stops_nothing_else(place, dataset):
    """A damaged table; the partial files of the store go."""
    name, location, _ = dataset
    for path in (location.root / name / "_delta_log").glob("*.json"):
        path.write_bytes(b"no JSON")
    wait(place, "a" * 64, days=8)
    result = clean_up([place], (location, DATASETS))
    assert list(result.errors) == [name]
    assert of(result, "partial files").removed_files == 1
    assert result.as_json()["errors"] == result.errors


def test_a_store_that_is_not_there_is_left_out(tmp_path):
    """Before the first ingestion there is nothing to do."""
    result = clean_up([StoreLocation(tmp_path / "none")], now=datetime.now(UTC) + timedelta(days=1))
    assert (result.kept, result.errors, (tmp_path / "none").exists()) == ([], {}, False)

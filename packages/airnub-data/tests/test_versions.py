import os
import time
from datetime import timedelta

import pytest

from airnub_core.errors import DatasetError
from airnub_data import make_dataset, scan_dataset
from airnub_data.pending import pending
from airnub_data.table import Table
from airnub_data.versions import history, release, rollback, vacuum

HEADER = b"id,price,at\n"


@pytest.fixture
def two_versions(fill, store, location, orders):
    """Dataset whose only row was corrected from 1 to 2."""
    for price in (b"1", b"2"):
        fill({"a": HEADER + b"1," + price + b",\n"})
        make_dataset(orders, store, location)


def prices(location, orders, as_of=None):
    return [int(price) for price in scan_dataset(location, orders, as_of=as_of).collect()["price"]]


def test_history_says_what_each_version_was_made_of(two_versions, location):
    """Versions are listed newest first with their records."""
    newest, first = history(location, "orders")
    assert (newest.version, first.version) == (1, 0)
    assert newest.record["rows"] == 1
    assert newest.record["inputs"] != first.record["inputs"]


def test_a_dataset_that_was_rolled_back_is_held(two_versions, store, location, orders):
    """Runs skip the dataset until it is released; then they bring it up to date."""
    assert rollback(location, "orders", 0) == 2
    assert prices(location, orders) == [1]
    held = make_dataset(orders, store, location)
    assert (held.held, held.changed) == (True, False)
    assert prices(location, orders) == [1]
    release(location, "orders")
    assert make_dataset(orders, store, location).changed
    assert prices(location, orders) == [2]


def test_only_what_is_held_is_released(two_versions, location):
    """Releasing a dataset that is not held commits nothing."""
    assert release(location, "orders") == 1


def test_a_version_that_is_not_kept_cannot_come_back(two_versions, location, orders):
    """A version that never existed or whose files were removed cannot be restored."""
    with pytest.raises(DatasetError, match="expected a version that is kept, found none for 9"):
        rollback(location, "orders", 9)
    with pytest.raises(DatasetError, match="expected a version before the current one, which is 1"):
        rollback(location, "orders", 1)
    [path] = Table.open(location, "orders", 0).files()
    location.remove(f"orders/{path}")
    with pytest.raises(DatasetError, match="expected the files of version 0, found 1 of them gone"):
        rollback(location, "orders", 0)
    assert prices(location, orders) == [2]


def test_vacuum_removes_what_killed_runs_left_and_keeps_versions(two_versions, location, orders):
    """Every version within the retention stays readable."""
    orphan = location.root / "orders" / "null" / "orphan.parquet"
    orphan.write_bytes(b"x")
    old = time.time() - 40 * 24 * 3600
    os.utime(orphan, (old, old))
    assert vacuum(location, "orders", dry_run=True) == ["orders/null/orphan.parquet"]
    assert orphan.exists()
    assert vacuum(location, "orders") == ["orders/null/orphan.parquet"]
    assert not orphan.exists()
    assert prices(location, orders, as_of=0) == [1]
    assert prices(location, orders) == [2]


def test_the_retention_is_no_shorter_than_a_run_may_take(two_versions, location):
    """Files of a run that has not committed yet belong to no version."""
    with pytest.raises(DatasetError, match="expected a retention of at least 1 day"):
        vacuum(location, "orders", timedelta(hours=1))


def test_what_is_not_there_is_an_error(location):
    """The error says what to run."""
    with pytest.raises(DatasetError, match="found none; run the processing first"):
        history(location, "orders")


def test_a_vacuum_changes_nothing_for_the_next_run(fill, store, location, orders):
    """A vacuum adds a version without changing rows, so neither the dataset nor its copy is written again."""
    fill({"a": HEADER + b"1,1,\nx,1,\n"})
    made = make_dataset(orders, store, location, accept=True)
    copy = (location.root / "orders.parquet").stat()
    old = time.time() - timedelta(days=40).total_seconds()
    for name in ("orders", "orders.quarantine"):
        orphan = location.root / name / "orphan.parquet"
        orphan.touch()
        os.utime(orphan, (old, old))
    assert vacuum(location, "orders") == ["orders.quarantine/orphan.parquet", "orders/orphan.parquet"]
    newest = Table.open(location, "orders").version
    assert newest > made.version
    again = make_dataset(orders, store, location)
    assert (again.changed, again.version) == (False, newest)
    assert (location.root / "orders.parquet").stat() == copy


def test_after_a_release_only_what_differs_is_read(two_versions, fill, store, location, orders):
    """The record of the restored version allows an incremental run."""
    fill({"b": HEADER + b"2,1,\n"})
    make_dataset(orders, store, location)
    rollback(location, "orders", 1)
    release(location, "orders")
    assert str(pending(orders, store, location)) == "1 new objects; 1 of 2 objects are read"
    make_dataset(orders, store, location)
    assert prices(location, orders) == [2, 1]


def test_a_version_of_the_current_objects_that_came_back_is_made_no_more(two_versions, store, location, orders):
    """A restored version of the current objects is up to date, so nothing is committed again."""
    rollback(location, "orders", 0)
    rollback(location, "orders", 1)
    version = release(location, "orders")
    made = make_dataset(orders, store, location)
    assert (made.changed, prices(location, orders)) == (False, [2])
    assert made.version == version


def test_a_list_of_objects_that_no_commit_has_goes_when_it_is_old(two_versions, location):
    """A recent list may belong to a run that commits next, so only old ones are removed."""
    new, old = (location.root / "orders" / "_airnub" / name for name in ("new.parquet", "old.parquet"))
    for path in (new, old):
        path.touch()
    os.utime(old, (1, 1))
    assert vacuum(location, "orders") == ["orders/_airnub/old.parquet"]
    assert (new.exists(), old.exists()) == (True, False)


def test_a_vacuum_removes_unfinished_files_of_killed_runs(two_versions, location, orders):
    """Temporary files that are a day old are removed: beside a table's files, in the stage, and of the quarantine."""
    old = [
        location.root / "orders" / "null" / ".0123456789abcdef.tmp",
        location.stage / "orders" / ".0123456789abcdef.tmp",
        location.stage / "orders.quarantine" / ".0123456789abcdef.tmp",
    ]
    new = old[0].with_name(".of-a-run.tmp")
    for path in (*old, new):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    folder = location.stage / "orders" / ".whole.0123.tmp"
    (folder / "inside").mkdir(parents=True)
    yesterday = time.time() - 25 * 3600
    for path in (*old, folder):
        os.utime(path, (yesterday, yesterday))
    expected = sorted(path.relative_to(location.root).as_posix() for path in (*old, folder))
    assert vacuum(location, "orders", dry_run=True) == expected
    assert vacuum(location, "orders") == expected
    assert [path for path in (*old, folder, new) if path.exists()] == [new]

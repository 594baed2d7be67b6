"""Outcomes of datasets, as a stage reports them."""

import resource
from dataclasses import replace

import polars as pl
import pytest

from airnub_core import Status, open_store
from airnub_core.store.index import Failure, Scope
from airnub_data import Column, Dataset
from airnub_data.checks import fresh
from airnub_data.outcome import dataset_outcome
from airnub_data.pending import pending
from airnub_data.testing import write_rows
from airnub_data.versions import rollback

HEADER = b"id,price,at\n"


@pytest.fixture
def outcome(store, location, orders):
    """Make the dataset, and return its outcome."""
    return lambda **given: dataset_outcome(orders, store, location, **given)


def test_new_then_unchanged_then_updated(fill, outcome):
    """Row counts are those of the commit; a duration is given only for what was made."""
    fill({"a": HEADER + b"1,1,\n2,2,\n"})
    first = outcome()
    assert (first.kind, first.rows_read, first.rows, first.path) == (Status.STORED, 2, 2, "orders")
    assert first.note is None  # the demo prints a note with the findings
    assert first.size > 0
    assert first.seconds > 0
    again = outcome()
    assert (again.kind, again.rows, again.seconds) == (Status.UNCHANGED, 2, None)
    fill({"a": HEADER + b"1,1,\n2,3,\n", "b": HEADER + b"1,7,\n"})
    changed = outcome()
    assert (changed.kind, changed.rows_read, changed.rows, changed.superseded) == (Status.UPDATED, 3, 2, 1)


def test_beyond_a_limit(fill, outcome):
    """An exceeded limit fails the item with the violated rules; it can be accepted once."""
    fill({"a": HEADER + b"1,1,\nx,2,\n"})
    failed = outcome()
    assert (failed.kind, failed.quarantined, failed.rows) == (Status.FAILED, 1, None)
    assert [one.rule for one in failed.violations] == ["id: expected a whole number (Int64)"]
    assert "--accept orders" in str(failed.error)
    accepted = outcome(accept=True)
    assert (accepted.kind, accepted.rows, accepted.quarantined) == (Status.STORED, 1, 1)
    assert accepted.violations == failed.violations
    assert outcome().violations == failed.violations


def test_a_full_disk(fill, outcome):
    """The failed item names the dataset and the cause; a file size limit fails writes like a full disk."""
    fill({"a": HEADER + b"".join(b"%d,%d,\n" % (n, n * 7919 % 10007) for n in range(20_000))})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        failed = outcome()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert failed.kind is Status.FAILED
    assert "orders: File too large; objects stored before are intact" in str(failed.error)
    assert outcome().kind is Status.STORED


def test_a_dataset_that_cannot_be_made(outcome):
    """The failed item says what to do, and other datasets are still made."""
    failed = outcome()
    assert failed.kind is Status.FAILED
    assert "run the ingestion first" in str(failed.error)


def test_a_new_one_without_rows(fill, outcome):
    """A new dataset without rows is made with a warning."""
    fill({"a": HEADER})
    new = outcome()
    assert (new.kind, new.rows, new.warning) == (Status.STORED, 0, "it has no rows")
    assert outcome().warning is None


def test_one_that_is_held(fill, outcome, location, orders):
    """A held dataset keeps the restored version; a warning says how to release it."""
    fill({"a": HEADER + b"1,1,\n"})
    outcome()
    fill({"a": HEADER + b"1,2,\n"})
    outcome()
    rollback(location, "orders", 0)
    held = outcome()
    assert held.kind is Status.UNCHANGED
    assert held.warning == "it was rolled back to version 0 and is not made until `dataset release`"


def test_drift_is_a_warning(fill, outcome, store, location, orders):
    """Each difference is reported with object and line; only new columns can be ignored."""
    fill({"a": b"id,price,at,fee\n1,2,never,3\n2,2,,3\n"})
    warning = outcome(accept=True).warning
    first, second = warning.split("; ", 1)
    assert first.startswith("other type of at in shop/")
    assert "line 2: expected a time" in warning
    assert second.partition("; ")[2].startswith("new column fee in shop/") or second.startswith("new column fee")
    assert warning.endswith("orders.csv, line 1")
    assert outcome().warning == warning
    ignoring = dataset_outcome(replace(orders, on_new_column="ignore"), store, location)
    assert "fee" not in ignoring.warning


def test_sources_that_are_not_complete(fill, store, location, orders):
    """`requires_complete` skips the dataset with a warning that names the incomplete sources, unless accepted."""
    fill({"a": HEADER + b"1,1,\n"})
    strict = replace(orders, requires_complete=True)
    with open_store(store) as (_, index):
        index.end_runs(Scope.SOURCE, {"shop": [Failure("https://shop/b", "https://shop/b: found 404")]}, "first")
        skipped = dataset_outcome(strict, store, location)
        assert (skipped.kind, skipped.error, skipped.rows) == (Status.SKIPPED, None, None)
        assert skipped.warning == (
            "skipped, since it requires complete sources: 1 item of shop failed in its last run, the first: "
            "https://shop/b: found 404. Run what failed again (run ingestion --failed), or make it as it is: run "
            "processing --accept orders"
        )
        index.begin_runs(Scope.SOURCE, ["shop"], "second")
        assert "that began at" in dataset_outcome(strict, store, location).warning
        accepted = dataset_outcome(strict, store, location, accept=True)
        assert (accepted.kind, accepted.version) == (Status.STORED, 0)
        assert dataset_outcome(orders, store, location).kind is Status.UNCHANGED, "to require it changes no row"
        index.end_runs(Scope.SOURCE, {"shop": []}, "second")
        assert dataset_outcome(strict, store, location).kind is Status.UNCHANGED


def test_a_skipped_dataset_gets_older(fill, store, location, orders):
    """Freshness is checked for a skipped dataset: otherwise a source that stays incomplete would hide its age."""
    fill({"a": HEADER + b"1,1,2020-01-01T00:00:00Z\n"})
    strict = replace(orders, requires_complete=True, checks=(fresh("at", within="1d", on_fail="warn"),))
    dataset_outcome(strict, store, location)
    with open_store(store) as (_, index):
        index.end_runs(Scope.SOURCE, {"shop": [Failure(None, "found 404")]}, "first")
    skipped = dataset_outcome(strict, store, location)
    assert (skipped.kind, [one.passed for one in skipped.checks]) == (Status.SKIPPED, [False])
    assert skipped.warning.startswith("skipped, since")
    assert "; check fresh_at: expected" in skipped.warning
    blocking = replace(strict, checks=(fresh("at", within="1d"),))
    failed = dataset_outcome(blocking, store, location)
    assert failed.kind is Status.FAILED
    assert str(failed.error).startswith("orders: check fresh_at: expected")
    assert failed.warning.startswith("skipped, since")


def test_sources_of_inputs_that_are_not_complete(fill, store, location, orders):
    """The sources of inputs must be complete as well; the dry run reports incomplete ones."""
    fill({"a": HEADER + b"1,1,\n"})
    strict = Dataset(
        name="prices",
        inputs=(orders,),
        transform=lambda orders: orders.select("id", "price"),
        columns={name: orders.columns[name] for name in ("id", "price")},
        requires_complete=True,
    )
    dataset_outcome(orders, store, location)
    with open_store(store) as (_, index):
        index.end_runs(Scope.SOURCE, {"shop": [Failure(None, "found 404")]}, "first")
        skipped = dataset_outcome(strict, store, location)
        assert skipped.kind is Status.SKIPPED
        assert "1 item of shop failed in its last run, the first: found 404" in skipped.warning
        assert str(pending(strict, store, location)).startswith("skipped, since it requires complete sources: 1 item")
        index.end_runs(Scope.SOURCE, {"shop": []}, "first")
    assert dataset_outcome(strict, store, location).kind is Status.STORED


def test_published_inputs_need_no_store(store, location):
    """The publishing department is responsible for the completeness of its sources, so no store is needed."""
    strict = Dataset(
        name="prices",
        inputs=("crm/orders",),
        transform=lambda orders: orders,
        columns={"id": Column(pl.Int64)},
        requires_complete=True,
    )
    write_rows(location, replace(strict, name="orders"), pl.DataFrame({"id": [1]}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("airnub_data.published_datasets.checkout_around", lambda _path: None)
        made = dataset_outcome(strict, store, location, published={"crm": location})
    assert (made.kind, made.rows) == (Status.STORED, 1)

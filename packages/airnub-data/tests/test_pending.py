"""Pending: effects of the next run."""

from dataclasses import replace

import polars as pl
import pytest

from airnub_core import open_store
from airnub_core.errors import DatasetError
from airnub_core.store.index import Failure, Scope
from airnub_data import Column, make_dataset
from airnub_data.pending import pending
from airnub_data.versions import release, rollback

HEADER = b"id,price,at\n"


@pytest.fixture
def next_run(store, location, orders):
    """Return the dry run of orders, with changes of their declaration."""
    return lambda **changes: pending(replace(orders, **changes), store, location)


@pytest.fixture
def made(fill, store, location, orders):
    """Two objects, and the dataset made from them."""
    fill({"a": HEADER + b"1,1,\n", "b": HEADER + b"2,2,\n"})
    return make_dataset(orders, store, location)


def test_a_dataset_that_is_not_there(fill, next_run):
    """Every object is new for a missing table."""
    fill({"a": HEADER + b"1,1,\n"})
    assert str(next_run()) == "1 new objects; 1 of 1 objects are read"


def test_a_source_without_objects(fill, store, location, orders, next_run):
    """The dry run raises what a run raises; it called the missing dataset up to date with its 0 objects."""
    fill({})
    with pytest.raises(DatasetError) as run:
        make_dataset(orders, store, location)
    with pytest.raises(DatasetError, match=r"expected \.csv files of shop in .*, found none; run the ingestion") as dry:
        next_run()
    assert str(dry.value) == str(run.value)


def test_nothing(made, next_run):
    """Nothing is pending while objects and declaration are unchanged; units and limits do not count."""
    assert next_run(max_shrink=1).nothing
    assert str(next_run()) == "nothing: up to date with its 2 objects"


def test_objects_that_came_and_went(made, fill, next_run):
    """Only new objects are read."""
    fill({"a": HEADER + b"1,3,\n"})
    found = next_run()
    assert (found.new, found.gone, found.to_read, found.objects) == (1, 1, 1, 2)
    assert str(found) == "1 new objects, 1 objects gone; 1 of 2 objects are read"


def test_parts_of_the_declaration(made, next_run, orders):
    """Changed parts are named; if one affects the rows of an object, all objects are read."""
    columns = {**orders.columns, "price": Column(pl.Decimal(12, 2), minimum=1)}
    assert str(next_run(columns=columns)) == "columns changed; 2 of 2 objects are read"
    found = next_run(latest="at")
    assert (found.changed, found.to_read) == (("latest",), 0)


def test_what_is_pending_is_what_a_run_does(made, fill, store, location, orders, next_run):
    """After the reported run nothing is pending."""
    fill({"b": HEADER + b"2,5,\n"})
    assert not next_run().nothing
    make_dataset(orders, store, location)
    assert next_run().nothing


def test_one_that_is_held(made, fill, store, location, orders, next_run):
    """The next run skips a held dataset."""
    fill({"b": HEADER + b"2,5,\n"})
    make_dataset(orders, store, location)
    rollback(location, "orders", 0)
    assert str(next_run()) == "nothing: it was rolled back, and is held until `dataset release`"


def test_a_store_that_is_not_there(next_run, store):
    """A missing store is an error, and is not created."""
    with pytest.raises(DatasetError, match=r"expected a content store in .*, found no such folder; run the ingestion"):
        next_run()
    assert not store.exists()


def test_sources_that_are_not_complete(fill, store, next_run):
    """Incomplete sources are reported only with `requires_complete`."""
    fill({"a": HEADER + b"1,1,\n"})
    with open_store(store) as (_, index):
        index.end_runs(Scope.SOURCE, {"shop": [Failure("https://shop/b", "found 404")]}, "run")
    assert not next_run().incomplete
    assert str(next_run(requires_complete=True)) == (
        "skipped, since it requires complete sources: 1 item of shop failed in its last run, the first: found 404"
    )


def test_incomplete_sources_without_objects(fill, store, next_run):
    """As a run does, the dry run skips the dataset instead of failing it."""
    fill({})
    with open_store(store) as (_, index):
        index.end_runs(Scope.SOURCE, {"shop": [Failure("https://shop/b", "found 404")]}, "run")
    found = next_run(requires_complete=True)
    assert not found.nothing
    assert str(found).startswith("skipped, since it requires complete sources")


def test_a_quarantine_with_other_rows_is_pending(fill, store, location, orders, next_run):
    """After a rollback and a release, the quarantine has the rows of the newest run; the next run writes it again."""
    bad, good = HEADER + b"x,1,\n1,1,\n", HEADER + b"2,1,\n1,1,\n"
    for content in (bad, good):
        fill({"a": content})
        make_dataset(orders, store, location, accept=True)
    fill({"a": bad})
    rollback(location, "orders", 0)
    released = release(location, "orders")
    found = next_run()
    assert (found.nothing, found.quarantine, found.new, found.gone, found.moved) == (False, True, 0, 0, False)
    assert str(found) == "the rows in quarantine are not those of the last commit, and are written again"
    assert make_dataset(orders, store, location, accept=True).version > released
    assert next_run().nothing


def test_a_missing_list_of_objects_does_not_matter(made, location, next_run):
    """The digest of the objects is in the commit."""
    location.remove(f"orders/{made.record.sidecar}")
    assert next_run().nothing

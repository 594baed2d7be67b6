"""Up to date: what is compared with the last commit."""

import os
from dataclasses import replace

import pytest

from airnub_core.errors import DatasetError
from airnub_data import make_dataset
from airnub_data.code import parts
from airnub_data.inputs import InputObject
from airnub_data.quarantine import quarantine_name
from airnub_data.record import Record
from airnub_data.table import Table
from airnub_data.up_to_date import compare, require_objects
from airnub_data.versions import vacuum

HEADER = b"id,price,at\n"


@pytest.fixture
def last(fill, store, location, orders):
    """The record of a commit with a quarantined row."""
    fill({"a": HEADER + b"1,1,\nx,1,\n"})
    return make_dataset(orders, store, location, accept=True).record


@pytest.fixture
def compared(location, orders, last):
    """Compare the dataset with its last commit."""
    return lambda code=None, inputs=last.inputs: compare(location, "orders", last, code or parts(orders), inputs)


def emptied(location):
    """Commit a quarantine without rows."""
    table = Table.open(location, quarantine_name("orders"))
    return table.commit([], list(table.files().values()), table.schema, {})


def test_the_same_code_inputs_and_quarantine(compared):
    """The quarantine table is opened for the caller."""
    found = compared()
    assert found.is_up_to_date
    assert found.quarantine.version == 0


def test_the_first_version_needs_objects(last, location, orders):
    """A later one may lose all of them."""
    with pytest.raises(DatasetError, match=r"expected \.csv files of shop in /store, found none; run the ingestion"):
        require_objects(orders, "/store", [], None)
    require_objects(orders, "/store", [], Table.open(location, "orders"))
    require_objects(orders, "/store", [InputObject("sha256:00", "a.csv", "shop", "")], None)


def test_different_code(compared, orders):
    """Changed, new and removed parts are named; the quarantine is not opened."""
    declared = parts(orders)
    other = {name: value for name, value in declared.items() if name != "reader"} | {"key": "x", "inputs": "y"}
    found = compared(other)
    assert (found.is_up_to_date, set(found.changed), found.quarantine) == (False, {"reader", "key", "inputs"}, None)


def test_limits_are_not_code(compared, orders):
    """A changed limit makes nothing again."""
    assert compared(parts(replace(orders, max_shrink=1))).is_up_to_date


def test_different_inputs(compared):
    """Their digest decides."""
    found = compared(inputs="x")
    assert (found.is_up_to_date, found.same_inputs, found.changed) == (False, False, ())


def test_a_different_quarantine(compared, location):
    """A commit to the quarantine table that is not the one of the dataset's last commit."""
    emptied(location)
    found = compared()
    assert (found.is_up_to_date, found.same_quarantine) == (False, False)


def test_a_vacuum_of_the_quarantine_does_not_count(compared, location):
    """Its commits change no row."""
    orphan = location.root / quarantine_name("orders") / "orphan.parquet"
    orphan.touch()
    os.utime(orphan, (1, 1))
    assert vacuum(location, "orders") == ["orders.quarantine/orphan.parquet"]
    found = compared()
    assert (found.is_up_to_date, found.quarantine.version > 0) == (True, True)


def test_without_a_quarantine_table(location, orders, last):
    """Up to date if the last commit has none either."""
    (location.root / quarantine_name("orders")).rename(location.root / "elsewhere")
    assert not compare(location, "orders", last, parts(orders), last.inputs).is_up_to_date
    without = replace(last, quarantine_version=None)
    assert compare(location, "orders", without, parts(orders), last.inputs).is_up_to_date


def test_a_commit_of_a_different_program(location, orders, last):
    """A record without parts differs in every part."""
    assert set(compare(location, "orders", Record(), parts(orders), "").changed) == set(parts(orders))

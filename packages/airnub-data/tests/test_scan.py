"""Scan: reading a dataset by its declaration."""

from dataclasses import replace

import polars as pl
import pytest

from airnub_core.errors import DatasetError, StoreError
from airnub_data import read_dataset, scan_dataset
from airnub_data.testing import write_rows

ROWS = pl.DataFrame({"id": [2, 1], "price": ["9.99", "5"]})


def test_rows_have_the_declared_types_and_no_internal_columns(location, orders):
    """Internal columns are returned only on request."""
    write_rows(location, orders, ROWS)
    assert dict(scan_dataset(location, orders).collect_schema()) == {
        name: column.dtype for name, column in orders.schema.items()
    }
    assert scan_dataset(location, orders, internal=True).collect_schema().names()[-2:] == ["_object", "_record"]


def test_an_earlier_version(location, orders):
    """An earlier version is selected by number."""
    write_rows(location, orders, ROWS)
    write_rows(location, orders, ROWS.head(1))
    assert scan_dataset(location, orders, as_of=0).collect()["id"].to_list() == [2, 1]


def test_a_dataset_in_memory(location, orders):
    """Rows are sorted by the key, if there is one."""
    write_rows(location, orders, ROWS)
    assert read_dataset(location, orders)["id"].to_list() == [1, 2]
    assert read_dataset(location, replace(orders, key=()))["id"].to_list() == [2, 1]


def test_a_dataset_without_rows(location, orders):
    """The error for an empty dataset refers to its quarantine."""
    write_rows(location, orders, ROWS.clear())
    with pytest.raises(DatasetError, match=r"expected rows in .*orders, found none; see `dataset quarantine orders`"):
        read_dataset(location, orders)


@pytest.mark.parametrize("harm", [lambda path: path.write_bytes(path.read_bytes()[:100]), lambda path: path.unlink()])
def test_a_file_that_cannot_be_read(location, orders, harm):
    """The error contains the path and a possible remedy."""
    write_rows(location, orders, ROWS)
    harm(location.root / "orders" / "0.parquet")
    with pytest.raises(StoreError, match=r"orders: expected files that can be read, found: .*`dataset rollback`"):
        read_dataset(location, orders)


def test_a_dataset_that_is_not_there(location, orders):
    """The error says what to run."""
    with pytest.raises(DatasetError, match="run the processing first"):
        read_dataset(location, orders)

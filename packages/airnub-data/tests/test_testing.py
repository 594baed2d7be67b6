"""Helpers for the tests of departments."""

import polars as pl
import pytest

from airnub_core.errors import DatasetError
from airnub_data import scan_dataset
from airnub_data.columns import RECORD
from airnub_data.testing import conformed, write_rows

ROWS = pl.DataFrame({"id": [1, 2], "price": ["9.99", "5"], "at": [None, None]})


def test_rows_of_bytes(orders):
    """Valid rows and invalid ones are returned with their lines, for all objects."""
    found = conformed(orders, b"id,price,at\n1,9.99,\nx,1,\n", b"id,price,at\n1,3,\n")
    assert found.rows["id"].to_list() == [1, 1]
    assert found.quarantine[RECORD].to_list() == [3]
    with pytest.raises(DatasetError, match="price"):
        conformed(orders, b"id,at\n1,\n")


def test_records_that_cannot_be_read(orders):
    """Unreadable records are invalid rows; bytes without a record result in no rows."""
    found = conformed(orders, b'id,price,at\n1,"9,\n2,5,\n')
    assert found.rows["id"].to_list() == [2]
    assert found.quarantine[RECORD].to_list() == [2]
    empty = conformed(orders, b"id,price,at\n")
    assert (empty.rows.height, empty.quarantine.height) == (0, 0)


def test_a_table_of_given_rows(location, orders):
    """The given rows replace the content of the table."""
    write_rows(location, orders, ROWS)
    write_rows(location, orders, ROWS.head(1))
    [row] = scan_dataset(location, orders).collect().to_dicts()
    assert (row["id"], str(row["price"]), row["at"]) == (1, "9.99", None)


def test_a_table_of_rows_with_the_columns_that_a_test_needs(location, orders):
    """Missing columns are null."""
    write_rows(location, orders, ROWS.select("id"))
    assert scan_dataset(location, orders).collect().null_count().row(0) == (0, *[2] * (len(orders.schema) - 1))

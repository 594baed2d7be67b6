from datetime import timedelta

import polars as pl
import pytest

from airnub_core.contracts.limits import DatasetLimits
from airnub_core.errors import DatasetError
from airnub_data import Column, Csv, Dataset, Hash, Limits, Month, by_name
from airnub_data.code import parts, table_digest

COLUMNS = {"id": Column(pl.Int64), "at": Column(pl.Date), "price": Column(pl.Decimal(12, 2), nullable=True)}


def declared(**changes):
    return Dataset(**{"name": "orders", "source": "shop", "reader": Csv(), "columns": COLUMNS, **changes})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"key": ("ident",)}, "expected a declared column as key, found 'ident'; declared are id, at, price"),
        ({"latest": "updated"}, "expected a declared column as latest"),
        ({"partition_by": Month("day")}, "expected a declared column as partition_by"),
        ({"columns": {"_object": Column(pl.String)}}, "expected other names than _object, _record"),
        ({"columns": {}}, "expected at least one column"),
        ({"derived": {"half": Column(pl.Float64)}}, "expected `derive`"),
        ({"version": 0}, "expected a version from 1 on, found 0"),
        ({"max_shrink": "half"}, "expected a number of rows as max_shrink"),
        ({"retention": timedelta(hours=23)}, "expected a retention of at least a day, found 23:00:00"),
    ],
)
def test_a_mistake_is_an_error_when_it_is_declared(changes, reason):
    """An invalid declaration raises an error immediately, not when it runs."""
    with pytest.raises(DatasetError) as caught:
        declared(**changes)
    assert reason in str(caught.value)


def test_settings_replace_what_is_declared_of_limits():
    """Settings override limits; unset ones keep the declared values, and the code digest stays the same."""
    dataset = declared(max_shrink=7).with_limits(DatasetLimits(max_quarantined="1%", retention="2d"))
    assert (dataset.limits, dataset.retention) == (Limits("1%", 7), timedelta(days=2))
    assert table_digest(parts(dataset)) == table_digest(parts(declared()))


def test_the_second_version_has_a_name_of_its_own():
    """Version 2 has its own table name."""
    assert list(by_name(declared(), declared(version=2))) == ["orders", "orders.v2"]


def test_what_is_published_is_what_it_declares():
    """The published schema contains fields, types and key as in contracts."""
    published = declared(key=("id",)).published()
    assert published.fields == {"id": ("int64", False), "at": ("date", False), "price": ("decimal(12,2)", True)}
    assert (published.kind, published.name, published.version, published.key) == ("dataset", "orders", 1, ("id",))


@pytest.mark.parametrize(
    ("changes", "moves"),
    [
        ({}, False),
        ({"key": ("id",)}, False),
        ({"key": ("id",), "partition_by": Month("at")}, True),
        ({"key": ("id", "at"), "partition_by": Month("at")}, False),
        ({"key": ("id",), "partition_by": Hash("id", 4)}, False),
        ({"key": ("id",), "partition_by": Hash("at", 4)}, True),
    ],
)
def test_keys_move_where_the_partition_is_not_decided_by_them(changes, moves):
    """Keys can move only if the key does not determine the partition; only then other partitions are searched."""
    assert declared(**changes).moves_keys is moves

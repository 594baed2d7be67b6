"""Contract checks: declared checks as contract models."""

from dataclasses import dataclass
from decimal import Decimal

import polars as pl
import pytest

from airnub_core.contracts.checks import loosened_check
from airnub_data import Column, Csv, Dataset, Month
from airnub_data.checks import Check, expression, fresh, function, reference, row_count, row_count_change, unique
from airnub_data.contract_checks import published_checks, published_values


def right(rows):
    return True


@dataclass(frozen=True, kw_only=True)
class Own(Check):
    """Check class of a department."""


@pytest.mark.parametrize(
    ("check", "written"),
    [
        (unique("a", "b"), "{check: unique, columns: [a, b], over: table, on_fail: block}"),
        (unique("a", over="touched"), "{check: unique, columns: [a], over: touched, on_fail: block}"),
        (row_count(minimum=5), "{check: row_count, minimum: 5, on_fail: block}"),
        (
            row_count_change(max_shrink="20%", max_growth=500),
            "{check: row_count_change, max_shrink: 20%, max_growth: 500, versions: 7, on_fail: block}",
        ),
        (fresh("at", within="36h", on_fail="warn"), "{check: fresh, column: at, within: 36h, on_fail: warn}"),
        (reference("a", to="x"), "{check: reference, columns: [a], to: x, over: table, on_fail: block}"),
        (
            reference("a", to="other/x", to_columns="b"),
            "{check: reference, columns: [a], to: other/x, to_columns: [b], over: table, on_fail: block}",
        ),
        (expression("one", pl.col("a") > 0), "{check: expression, over: table, on_fail: block}"),
        (
            function(right, expected="it to be right"),
            "{check: function, expected: it to be right, over: table, on_fail: block}",
        ),
        (Own(name="own", on_fail="warn"), "{check: function, over: table, on_fail: warn}"),
    ],
)
def test_each_kind_of_check_is_published(check, written):
    """Each check is published by name; of an expression and a function only the effect of a failure is published."""
    published = published_checks([check])
    assert {name: str(one) for name, one in published.items()} == {check.name: written}
    assert loosened_check(check.name, published[check.name], published) is None


def test_values_are_those_of_columns_that_limit_them():
    """Infinite bounds are left out; a Decimal bound becomes a YAML number."""
    schema = {
        "a": Column(pl.Int64, minimum=0),
        "b": Column(pl.String, one_of=("x", "y"), nullable=True),
        "c": Column(pl.Float64, minimum=float("-inf"), maximum=9.5),
        "d": Column(pl.Decimal(9, 2), minimum=Decimal("0.25")),
        "e": Column(pl.String),
    }
    found = {name: values.model_dump(exclude_none=True) for name, values in published_values(schema).items()}
    assert found == {"a": {"minimum": 0}, "b": {"one_of": ("x", "y")}, "c": {"maximum": 9.5}, "d": {"minimum": 0.25}}


def test_a_dataset_publishes_its_checks_values_and_partition():
    """Checks, value constraints and partition columns are published in addition to the fields."""
    published = Dataset(
        name="orders",
        source="shop",
        reader=Csv(),
        columns={"id": Column(pl.Int64, minimum=1), "at": Column(pl.Date)},
        partition_by=Month("at"),
        checks=(row_count(minimum=5),),
    ).published()
    assert list(published.checks) == ["row_count"]
    assert list(published.values) == ["id"]
    assert published.partitioned_by == ("at",)

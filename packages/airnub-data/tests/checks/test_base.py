"""What all checks share: names, declaration errors, findings."""

import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest

from airnub_core.errors import DatasetError
from airnub_data import Column, Csv, Dataset
from airnub_data.checks import expression, fresh, function, reference, row_count, row_count_change, unique

sys.path.insert(0, str(Path(__file__).parents[1] / "importable"))
from judging import NOW, finding

COLUMNS = {"id": Column(pl.Int64), "email": Column(pl.String, nullable=True), "day": Column(pl.Date)}


def declared(*checks):
    return Dataset(name="orders", source="shop", reader=Csv(), columns=COLUMNS, key=("id",), checks=checks)


def test_names_are_made_of_what_is_looked_at():
    """The default name consists of the kind and the columns; expressions and functions have explicit or own names."""

    def totals_fit(_rows):
        return True

    checks = (unique("Email", "day"), fresh("day", within="2d"), reference("id", to="x"), function(totals_fit))
    assert [one.name for one in checks] == ["unique_email_day", "fresh_day", "reference_id", "totals_fit"]


@pytest.mark.parametrize(
    ("check", "reason"),
    [
        (
            partial(unique, "mail"),
            "check unique_mail: expected a declared column, found 'mail'; declared are id, email",
        ),
        (partial(unique, "id", on_fail="stop"), "expected warn or block as on_fail, found 'stop'"),
        (partial(unique, "id", over="all"), "expected table or touched as over, found 'all'"),
        (partial(row_count), "check row_count: expected minimum= or maximum=, found neither"),
        (partial(row_count_change), "expected max_shrink= or max_growth=, found neither"),
        (partial(row_count_change, max_shrink="150%"), "expected a number of rows as max_shrink, or a share"),
        (partial(row_count_change, max_growth="much"), "expected a number of rows as max_growth, or a share"),
        (partial(row_count_change, max_growth=1, versions=0), "expected at least 1 of versions, found 0"),
        (partial(fresh, "email", within="1d"), "expected a column of dates or times, found String"),
        (partial(fresh, "day", within="soon"), "check fresh_day: expected a time of at least a minute as within"),
        (partial(fresh, "day", within=timedelta()), "expected a time of at least a minute as within"),
        (partial(reference, "id", to="x", to_columns=("a", "b")), "expected as many columns of x as here, 1, found 2"),
        (partial(function, lambda _rows: True), "expected a name of small letters, digits and _ for a check"),
        (partial(expression, "A b", pl.lit(True)), "expected a name of small letters, digits and _ for a check"),
    ],
)
def test_a_mistake_is_an_error_when_it_is_declared(check, reason):
    """An invalid check is rejected when the dataset is declared, before any run."""
    with pytest.raises(DatasetError) as caught:
        declared(check())
    assert reason in str(caught.value)


def test_two_checks_of_one_name():
    """Names of checks are unique in a dataset."""
    with pytest.raises(DatasetError, match="expected names of checks to differ, found 'row_count' twice"):
        declared(row_count(minimum=1), row_count(maximum=9))


def test_what_a_check_counts():
    """A finding has a value and a unit for plots, except those of functions and of aggregates over all rows."""
    assert finding(unique("a"), {"a": [1, 1, 2]})[2:] == (1, "duplicate rows")
    assert finding(unique("a"), {"a": [1, 2]})[2:] == (0, "duplicate rows")
    assert finding(row_count(minimum=1), total=9)[2:] == (9, "rows")
    assert finding(row_count_change(max_shrink="20%"), total=75, earlier=[100])[2:] == (
        -25.0,
        "% change",
    )
    assert finding(row_count_change(max_shrink="20%"), total=75)[2:] == (None, None)
    newest = {"a": [NOW - timedelta(hours=5)]}
    assert finding(fresh("a", within="36h"), newest)[2:] == (5.0, "hours")
    known = {"others": pl.DataFrame({"a": [1]})}
    assert finding(reference("a", to="others"), {"a": [1, 2, 3]}, others=known)[2:] == (2, "rows without a match")
    assert finding(expression("x", pl.col("a") < 2), {"a": [1, 2, 3]})[2:] == (2, "failing rows")
    assert finding(expression("x", pl.col("a").mean() < 1), {"a": [1, 2, 3]})[2:] == (None, None)
    assert finding(function(lambda _rows: "wrong", name="x"))[2:] == (None, None)

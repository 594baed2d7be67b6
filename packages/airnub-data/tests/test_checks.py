"""Checks: evaluation and declaration."""

from datetime import UTC, date, datetime, timedelta
from functools import partial

import polars as pl
import pytest

from airnub_core.errors import DatasetError
from airnub_data import Column, Csv, Dataset
from airnub_data import checks as checks_module
from airnub_data.checks import CheckedRows, expression, fresh, function, reference, row_count, row_count_change, unique

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
COLUMNS = {"id": Column(pl.Int64), "email": Column(pl.String, nullable=True), "day": Column(pl.Date)}


def judged(check, rows=None, **known):
    """Return whether a check passes for rows, and the text of its finding."""
    return finding(check, rows, **known)[:2]


def finding(check, rows=None, *, total=None, earlier=(), kept=None, others=None):
    """Return the finding of a check."""
    rows = pl.DataFrame({"a": [1]}) if rows is None else pl.DataFrame(rows, strict=False)
    lazy = rows.lazy()
    check.require_evaluable(lazy)
    wanted = [one.alias(str(place)) for place, one in enumerate(check.aggregates())]
    return check.judge(
        CheckedRows(
            rows=lazy,
            total=len(rows) if total is None else total,
            now=NOW,
            newest_kept=lambda _column: kept,
            earlier=lambda count: list(earlier)[:count],
            dataset=lambda name: others[name].lazy(),
            values=lazy.select(wanted).collect().row(0) if wanted else (),
        )
    )


def declared(*checks):
    return Dataset(name="orders", source="shop", reader=Csv(), columns=COLUMNS, key=("id",), checks=checks)


def test_unique_names_how_many_rows_repeat_a_value():
    """Repeated values are counted; nulls are ignored, as in SQL."""
    assert judged(unique("a"), {"a": ["x", "y", None, None]}) == (True, "no repeated value")
    assert judged(unique("a"), {"a": ["x", "y", "x", "x", None]}) == (False, "2 duplicate rows, such as a=x")


def test_unique_on_several_columns():
    """Several columns are compared together; a row with a null in one of them is ignored."""
    rows = {"a": [1, 1, 1, None, None], "len": ["x", "y", "x", "x", "x"]}
    assert judged(unique("a", "len"), rows) == (False, "1 duplicate rows, such as a=1, len=x")
    assert judged(unique("a", "len"), {"a": [1, 1], "len": ["x", "y"]})[0]


@pytest.mark.parametrize("size", [1, 7, 100])
def test_unique_in_slices(size, monkeypatch):
    """Equal values are always in the same slice."""
    monkeypatch.setattr(checks_module, "HASHES_AT_ONCE", size)
    assert judged(unique("a"), {"a": list(range(100))})[0]
    assert judged(unique("a"), {"a": [*range(100), 3, 50]})[1].startswith("2 duplicate rows, such as a=")


def test_equal_hashes_of_different_values_are_no_repetition(monkeypatch):
    """Hash collisions are resolved by comparing the values."""
    monkeypatch.setattr(pl.Expr, "hash", lambda self: self.is_null().cast(pl.UInt64))
    assert judged(unique("a"), {"a": ["x", "y"]}) == (True, "no repeated value")
    assert not judged(unique("a"), {"a": ["x", "y", "y"]})[0]


@pytest.mark.parametrize(
    ("bounds", "total", "passed"),
    [
        ({"minimum": 5}, 5, True),
        ({"minimum": 5}, 4, False),
        ({"maximum": 5}, 5, True),
        ({"maximum": 5}, 6, False),
        ({"minimum": 0, "maximum": 5}, 3, True),
    ],
)
def test_row_count(bounds, total, passed):
    """Both bounds are inclusive."""
    assert judged(row_count(**bounds), total=total) == (passed, f"{total} rows")


@pytest.mark.parametrize(
    ("bounds", "total", "passed"),
    [
        ({"max_shrink": "20%"}, 80, True),
        ({"max_shrink": "20%"}, 79, False),
        ({"max_shrink": 5}, 1000, True),
        ({"max_growth": "150%"}, 250, True),
        ({"max_growth": "150%"}, 251, False),
        ({"max_growth": 10}, 10, True),
    ],
)
def test_row_count_against_the_last_versions(bounds, total, passed):
    """The row count is compared with the median of the previous versions, so that one outlier has little effect."""
    assert judged(row_count_change(**bounds, versions=3), total=total, earlier=[100, 1, 100, 7000])[0] is passed


@pytest.mark.parametrize("earlier", [[], [0, 0]])
def test_a_first_version_has_nothing_to_be_compared_with(earlier):
    """The first version passes, and so does one after versions without rows."""
    assert judged(row_count_change(max_growth="1%"), total=50, earlier=earlier)[0]


@pytest.mark.parametrize(
    ("values", "kept", "passed"),
    [
        ([datetime(2026, 3, 9, 0, 0, tzinfo=UTC)], None, True),
        ([datetime(2026, 3, 8, 23, 59, tzinfo=UTC)], None, False),
        ([datetime(2026, 3, 1, tzinfo=UTC)], datetime(2026, 3, 10, tzinfo=UTC), True),
        ([datetime(2026, 3, 9)], None, True),  # noqa: DTZ001  # what a column without a zone holds
        ([date(2026, 3, 9), None], date(2026, 3, 8), True),
        ([date(2026, 3, 8)], None, False),
        ([datetime(2027, 1, 1, tzinfo=UTC)], None, True),
    ],
)
def test_fresh(values, kept, passed):
    """New and kept files are compared; timestamps without a zone are in UTC, and a date counts from its midnight."""
    assert judged(fresh("at", within="36h"), {"at": values}, kept=kept)[0] is passed


def test_nothing_is_not_fresh():
    """A column without any value fails, since the age of the data is unknown."""
    assert judged(fresh("at", within="36h"), {"at": pl.Series([None], dtype=pl.Date)}) == (False, "no value")


def test_fresh_says_how_old_it_is():
    """The age is in hours, and from two days on in days."""
    found = judged(fresh("at", within="36h"), {"at": [date(2026, 3, 1)]})[1]
    assert found == "2026-03-01 00:00 UTC, which is 9.5 days old"


@pytest.mark.parametrize("few", [0, 10_000])
@pytest.mark.parametrize("ids", [[1, 2, 2], [1, 2, None]])
def test_reference(ids, few, monkeypatch):
    """Nulls are ignored on both sides; different types with the same Delta type match; both algorithms are used."""
    monkeypatch.setattr(checks_module, "_FEW_VALUES", few)
    others = {"customers": pl.DataFrame({"id": ids})}
    check = reference("customer", to="customers", to_columns="id")
    rows = pl.DataFrame({"customer": [1, 2, None]}, schema={"customer": pl.UInt32})
    assert judged(check, rows, others=others) == (True, "a match for every value")
    assert judged(check, {"customer": [1, 7, 7]}, others=others) == (
        False,
        "2 rows without a match, such as customer=7",
    )
    assert check.expected == "each customer to be a id of customers"


@pytest.mark.parametrize("few", [-1, 10_000])
def test_a_reference_to_a_dataset_without_rows(few, monkeypatch):
    """A reference to an empty dataset fails for every value except nulls."""
    monkeypatch.setattr(checks_module, "_FEW_VALUES", few)
    others = {"customers": pl.DataFrame({"a": []}, schema={"a": pl.Int64})}
    assert judged(reference("a", to="customers"), {"a": [1, None]}, others=others) == (
        False,
        "1 rows without a match, such as a=1",
    )


def test_reference_of_several_columns():
    """Referenced columns have the same names unless declared otherwise."""
    others = {"prices": pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})}
    check = reference("a", "b", to="prices")
    assert judged(check, {"a": [1, 2], "b": ["x", "y"]}, others=others)[0]
    assert judged(check, {"a": [1, 2], "b": ["x", "x"]}, others=others)[1] == "1 rows without a match, such as a=2, b=x"


def test_an_expression_for_each_row():
    """Null counts as true; the message contains the first row that is false."""
    check = expression("cheap", pl.col("a") < 10)
    assert judged(check, {"a": [1, 9]}) == (True, "true")
    assert judged(check, {"a": [1, None, 9]}) == (True, "true or null for every row")
    assert (
        judged(expression("len", pl.col("len") < 10), {"len": [1, 10]})[1]
        == "1 of 2 rows for which it is false, such as len=10"
    )
    assert judged(check, {"a": [1, 10, 11]}) == (False, "2 of 3 rows for which it is false, such as a=10")
    assert judged(check, pl.DataFrame(schema={"a": pl.Int64}))[0]


def test_an_expression_for_all_rows():
    """An aggregate is one value for all rows; null does not count as true."""
    check = expression("mean", pl.col("a").mean() < 10, expected="a mean below 10")
    assert judged(check, {"a": [1, 3]}) == (True, "true")
    assert judged(check, {"a": [10, 30]}) == (False, "false")
    assert judged(check, pl.DataFrame(schema={"a": pl.Int64})) == (False, "null")
    assert check.expected == "a mean below 10"


def test_an_expression_is_true_or_false():
    """A numeric expression is an error."""
    with pytest.raises(TypeError, match="expected an expression that is true or false, found Int64"):
        judged(expression("number", pl.col("a")), {"a": [1, 2]})


def test_a_function():
    """A returned text describes the failure; returning None, as after a forgotten return, is an error."""
    assert judged(function(lambda _rows: True, name="right"))[0]
    assert judged(function(lambda _rows: False, name="wrong")) == (False, "False")
    assert judged(function(lambda rows: f"{rows.collect().height} odd", name="odd"), {"a": [1]}) == (False, "1 odd")
    with pytest.raises(TypeError, match="expected True, False or a text from nothing, found None"):
        judged(function(lambda _rows: None, name="nothing"))


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

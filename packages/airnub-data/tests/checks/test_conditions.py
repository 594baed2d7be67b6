"""Expressions and functions of departments."""

import sys
from pathlib import Path

import polars as pl
import pytest

from airnub_data.checks import expression, function

sys.path.insert(0, str(Path(__file__).parents[1] / "importable"))
from judging import judged


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

"""Uniqueness of values."""

import sys
from pathlib import Path

import polars as pl
import pytest

from airnub_data.checks import unique, uniqueness

sys.path.insert(0, str(Path(__file__).parents[1] / "importable"))
from judging import judged


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
    monkeypatch.setattr(uniqueness, "HASHES_AT_ONCE", size)
    assert judged(unique("a"), {"a": list(range(100))})[0]
    assert judged(unique("a"), {"a": [*range(100), 3, 50]})[1].startswith("2 duplicate rows, such as a=")


def test_equal_hashes_of_different_values_are_no_repetition(monkeypatch):
    """Hash collisions are resolved by comparing the values."""
    monkeypatch.setattr(pl.Expr, "hash", lambda self: self.is_null().cast(pl.UInt64))
    assert judged(unique("a"), {"a": ["x", "y"]}) == (True, "no repeated value")
    assert not judged(unique("a"), {"a": ["x", "y", "y"]})[0]

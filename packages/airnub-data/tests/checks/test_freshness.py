"""Freshness of the newest value."""

import sys
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from airnub_data.checks import fresh

sys.path.insert(0, str(Path(__file__).parents[1] / "importable"))
from judging import judged


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

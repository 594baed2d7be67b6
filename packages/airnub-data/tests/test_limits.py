"""Limits."""

import pytest

from airnub_core.errors import DatasetError
from airnub_core.outcome import Violation
from airnub_data.limits import LimitError, Limits, check_limit, check_quarantined, check_shrink

BROKEN = [Violation(f"rule {number}", 10 - number, "x") for number in range(5)]


@pytest.mark.parametrize("value", [0, 7, "0%", "12.5%"])
def test_a_number_or_a_share(value):
    """A limit is a number of rows or a share."""
    check_limit("orders", "max_shrink", value)


@pytest.mark.parametrize("value", ["half", -1, "101%", 1.5])
def test_anything_else_is_a_mistake(value):
    """The message contains the dataset, the limit and the invalid value."""
    with pytest.raises(DatasetError, match="orders: expected a number of rows as max_shrink, or a share"):
        check_limit("orders", "max_shrink", value)


@pytest.mark.parametrize(("limit", "quarantined"), [("10%", 10), (10, 10), ("0%", 0), ("100%", 100)])
def test_rows_in_quarantine_within_the_limit(limit, quarantined):
    """The limit is inclusive."""
    check_quarantined("orders", Limits(max_quarantined=limit), quarantined, 100, BROKEN)


@pytest.mark.parametrize("limit", ["10%", 10])
def test_too_many_rows_in_quarantine(limit):
    """The error has the counts, the first rules, all rules as data, and what to do."""
    with pytest.raises(LimitError) as caught:
        check_quarantined("orders", Limits(max_quarantined=limit), 11, 100, BROKEN)
    message = str(caught.value)
    assert f"expected at most {limit} of the rows read to break a rule (max_quarantined), found 11 of 100" in message
    assert [f"rule {number}" in message for number in range(5)] == [True, True, True, False, False]
    assert "run processing --accept orders" in message
    assert (caught.value.quarantined, caught.value.violations) == (11, tuple(BROKEN))


@pytest.mark.parametrize(("limit", "after"), [("50%", 50), (50, 50), (0, 100), (0, 101), ("100%", 0)])
def test_a_table_may_shrink_within_the_limit(limit, after):
    """A table may shrink within the limit, and grow without one."""
    check_shrink("orders", Limits(max_shrink=limit), 100, after, 0, ())


@pytest.mark.parametrize(("limit", "after"), [("50%", 49), (50, 49), (0, 99), ("99%", 0)])
def test_a_table_that_shrinks_too_much(limit, after):
    """A table without rows has shrunk by 100 %."""
    with pytest.raises(LimitError, match=rf"at most {limit} of 100 rows \(max_shrink\), found {after} rows left"):
        check_shrink("orders", Limits(max_shrink=limit), 100, after, 0, ())

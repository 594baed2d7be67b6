"""Tolerance."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from airnub_core.tolerance import Growth, Tolerance, allows_no_more, tolerates

TOLERANCE = TypeAdapter(Tolerance)


@pytest.mark.parametrize(
    ("tolerance", "failed", "items", "enough"),
    [
        (0, 0, 0, True),
        (0, 1, 10, False),
        (2, 2, 2, True),
        ("5%", 1, 20, True),
        ("5%", 1, 19, False),
        ("0%", 0, 5, True),
        ("100%", 5, 5, True),
        ("0.1%", 1, 1000, True),
        ("0.7 %", 7, 1000, True),
        ("1.1%", 11, 1000, True),
        ("5%", 0, 0, True),
    ],
)
def test_numbers_and_shares(tolerance, failed, items, enough):
    """A share is of all items, and exactly as much as it says is tolerated."""
    assert tolerates(TOLERANCE.validate_python(tolerance), failed, items) is enough


@pytest.mark.parametrize("wrong", [-1, 1.5, "101%", "5", "-5%", "five", "%", "", "5%%", None, [1]])
def test_neither_number_nor_share(wrong):
    """Anything else is refused; a number in quotes is a number."""
    if wrong == "5":
        assert TOLERANCE.validate_python(wrong) == 5
        return
    with pytest.raises(ValidationError):
        TOLERANCE.validate_python(wrong)


@given(share=st.decimals(0, 100, places=3), items=st.integers(0, 10**7), failed=st.integers(0, 10**7))
def test_a_share_is_exact(share, items, failed):
    """However many items there are."""
    tolerance = TOLERANCE.validate_python(f"{share}%")
    assert tolerates(tolerance, failed, items) is (failed <= items * Fraction(share) / 100)


@given(st.text() | st.text("0123456789.% -", max_size=8))
def test_any_text_is_a_tolerance_or_an_error(text):
    """Never more than all."""
    try:
        tolerance = TOLERANCE.validate_python(text)
    except ValidationError:
        return
    assert isinstance(tolerance, int) or not tolerates(tolerance, 101, 100)


def test_growth_may_be_above_all_there_is():
    """A share of it has no upper end; text without a number is refused all the same."""
    growth = TypeAdapter(Growth)
    assert tolerates(growth.validate_python("150%"), 15, 10)
    assert not tolerates(growth.validate_python("150%"), 16, 10)
    with pytest.raises(ValidationError, match="expected a number, or a share such as '150%'"):
        growth.validate_python("much")


@pytest.mark.parametrize(
    ("found", "wanted", "no_more"),
    [(5, 5, True), (6, 5, False), ("5%", "5.0 %", True), ("5.1%", "5%", False), ("1%", 1, False), (None, 5, False)],
)
def test_which_of_two_allows_more(found, wanted, no_more):
    """Of a number and a share that is not known."""
    assert allows_no_more(found, wanted) is no_more

"""Limits: of datasets, and tolerances."""

from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from airnub_core.contracts.limits import DatasetLimits, Growth, Tolerance, allows_no_more, retention_text, tolerates

TOLERANCE = TypeAdapter(Tolerance)


@pytest.mark.parametrize("limit", [0, 3, "5%", "100%"])
def test_a_limit_is_a_number_or_a_share(limit):
    """A limit is a number or a share, like `tolerated_failures`."""
    assert DatasetLimits(max_quarantined=limit).max_quarantined == limit


def test_what_is_left_out_is_as_declared():
    """Unset limits have no default: the declaration has it."""
    assert DatasetLimits().model_dump(exclude_none=True) == {}


@pytest.mark.parametrize(("text", "hours"), [("30d", 720), ("36h", 36), ("2w", 336), (" 1 d ", 24)])
def test_a_retention_is_hours_days_or_weeks(text, hours):
    """A retention is parsed and serialized in the same format."""
    limits = DatasetLimits(retention=text)
    assert limits.retention == timedelta(hours=hours)
    assert DatasetLimits.model_validate_json(limits.model_dump_json()) == limits


@pytest.mark.parametrize(("hours", "text"), [(24, "1d"), (36, "36h"), (336, "14d")])
def test_a_retention_is_shown_in_the_unit_that_divides_it(hours, text):
    """Whole days are formatted as days, other durations as hours."""
    assert retention_text(timedelta(hours=hours)) == text


@pytest.mark.parametrize(("text", "minutes", "shown"), [("90m", 90, "90m"), ("36h", 2160, "36h"), ("120m", 120, "2h")])
def test_the_age_of_data_is_minutes_hours_days_or_weeks(text, minutes, shown):
    """An age is formatted in the largest of minutes, hours and days that divides it."""
    limits = DatasetLimits(fresh_within=text)
    assert limits.fresh_within == timedelta(minutes=minutes)
    assert limits.model_dump(mode="json", exclude_none=True) == {"fresh_within": shown}


def test_a_check_warns_or_blocks():
    """The effect of a check is set by name; settings cannot know whether the dataset has such a check."""
    assert DatasetLimits(checks={"unique_email": "warn"}).checks == {"unique_email": "warn"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_quarantined": "5%%"},
        {"max_quarantined": -1},
        {"max_quarantine": 1},
        {"max_shrink": "half"},
        {"retention": "12h"},
        {"retention": "soon"},
        {"retention": "999999d"},
        {"retention": "1y"},
        {"retention": "1440m"},
        {"fresh_within": "0m"},
        {"fresh_within": "soon"},
        {"checks": {"unique_email": "ignore"}},
        {"checks": ["unique_email"]},
    ],
)
def test_other_limits_are_refused(wrong):
    """Unknown keys are errors; files of uncommitted runs need a retention of at least a day."""
    with pytest.raises(ValidationError):
        DatasetLimits(**wrong)


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

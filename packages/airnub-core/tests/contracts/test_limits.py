"""Dataset limits."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from airnub_core.contracts.limits import DatasetLimits, retention_text


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

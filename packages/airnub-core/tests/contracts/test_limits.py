"""Dataset limits."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from airnub_core.contracts.limits import DatasetLimits, retention_text


@pytest.mark.parametrize("limit", [0, 3, "5%", "100%"])
def test_a_limit_is_a_number_or_a_share(limit):
    """As `tolerated_failures` is."""
    assert DatasetLimits(max_quarantined=limit).max_quarantined == limit


def test_what_is_left_out_is_as_declared():
    """No limit has a default here: the declaration has it."""
    assert DatasetLimits().model_dump(exclude_none=True) == {}


@pytest.mark.parametrize(("text", "hours"), [("30d", 720), ("36h", 36), ("2w", 336), (" 1 d ", 24)])
def test_a_retention_is_hours_days_or_weeks(text, hours):
    """It is written the way it is read."""
    limits = DatasetLimits(retention=text)
    assert limits.retention == timedelta(hours=hours)
    assert DatasetLimits.model_validate_json(limits.model_dump_json()) == limits


@pytest.mark.parametrize(("hours", "text"), [(24, "1d"), (36, "36h"), (336, "14d")])
def test_a_retention_is_shown_in_the_unit_that_divides_it(hours, text):
    """Days where it is whole days."""
    assert retention_text(timedelta(hours=hours)) == text


@pytest.mark.parametrize(("text", "minutes", "shown"), [("90m", 90, "90m"), ("36h", 2160, "36h"), ("120m", 120, "2h")])
def test_the_age_of_data_is_minutes_hours_days_or_weeks(text, minutes, shown):
    """It is written in the unit that divides it."""
    limits = DatasetLimits(fresh_within=text)
    assert limits.fresh_within == timedelta(minutes=minutes)
    assert limits.model_dump(mode="json", exclude_none=True) == {"fresh_within": shown}


def test_a_check_warns_or_blocks():
    """By its name; whether the dataset has such a check is known to the settings alone."""
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
    """A misspelt key is a mistake, not a default; files of a run that has not committed are kept for a day."""
    with pytest.raises(ValidationError):
        DatasetLimits(**wrong)

"""Which schedules are valid."""

import pytest
from prefect.cli.deploy._models import RawScheduleConfig
from pydantic import ValidationError

from airnub_cli.compile.schedule import Schedule, duplicate_slugs


def test_keys_are_those_of_prefect():
    """With a new version of Prefect, a key that came or went fails here."""
    assert set(Schedule.model_fields) == set(RawScheduleConfig.model_fields)


@pytest.mark.parametrize(
    "when",
    [
        {"cron": "17 5 * * *", "timezone": "Europe/Dublin", "day_or": True},
        {"cron": "@daily"},
        {"interval": 3600, "anchor_date": "2026-01-01T00:00:00Z"},
        {"interval": "PT1H", "anchor_date": "2026-01-01"},
        {"rrule": "FREQ=DAILY;BYHOUR=5"},
    ],
)
def test_schedules_that_prefect_takes(when):
    """By cron, interval or recurrence rule."""
    Schedule.model_validate({"slug": "s", "active": True, **when})


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ({"cron": "99 5 * * *"}, "expected a cron expression"),
        ({"cron": "0 5 * *"}, "expected a cron expression"),
        ({"rrule": "FREQ=SOMETIMES"}, "expected a recurrence rule"),
        ({"cron": "0 5 * * *", "timezone": "Mars/Olympus"}, "expected a time zone of IANA"),
        ({"interval": 0, "anchor_date": "2026-01-01"}, "greater than"),
        ({"interval": 60, "anchor_date": "yesterdayish"}, "expected a time such as"),
        ({"interval": 60}, "expected an anchor_date beside the interval"),
        ({}, "expected one of cron, interval and rrule, found none"),
        ({"cron": "0 5 * * *", "rrule": "FREQ=DAILY"}, "found cron and rrule"),
        ({"cron": "0 5 * * *", "active": "yes"}, "valid boolean"),
        ({"cron": "0 5 * * *", "timezon": "Etc/UTC"}, "Extra inputs"),
    ],
)
def test_invalid_schedules(when, expected):
    """Are refused with what was expected."""
    with pytest.raises(ValidationError, match=expected):
        Schedule.model_validate({"slug": "s", "active": True, **when})


@pytest.mark.parametrize("missing", ["slug", "active"])
def test_what_prefect_would_make_up_is_required(missing):
    """Without a slug, a deploy replaces all schedules; without `active`, it keeps what the last deploy set."""
    schedule = {"slug": "s", "active": True, "cron": "0 5 * * *"}
    del schedule[missing]
    with pytest.raises(ValidationError, match=f"{missing}\n  Field required"):
        Schedule.model_validate(schedule)


def test_slugs_that_an_earlier_schedule_has():
    """Each later one, with its place; a schedule without a slug is reported by the schema."""
    assert list(duplicate_slugs(["a", None, "b", "a", None, "a"])) == [(3, "a"), (5, "a")]

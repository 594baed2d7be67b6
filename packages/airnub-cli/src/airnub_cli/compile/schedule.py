"""Schedules of a deployment; a valid one has

- exactly one of `cron`, `interval` and `rrule`, as Prefect reads it; a `timezone` of IANA, if any
- an `anchor_date` beside an `interval`: without one, intervals begin anew with each deploy
- `active`: a deploy sets it, so a schedule that was paused is resumed by `true`; without it, Prefect keeps the value of
  the last deploy; an environment may override it (`schedules`)
- a `slug`, unique in the deployment: a deploy finds the schedule by its slug and updates it
- `parameters` that fit the flow, and that are complete with those of the deployment (`deployment_check`)
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import cache
from typing import Annotated, Any

from pydantic import Field, StrictBool, field_validator, model_validator

from airnub_core.strict_model import StrictModel

Text = Annotated[str, Field(min_length=1)]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]


class Schedule(StrictModel):
    """A schedule, with the keys of Prefect."""

    slug: Identifier
    active: StrictBool
    cron: Text | None = None
    interval: Annotated[timedelta, Field(gt=timedelta(0))] | None = None
    rrule: Text | None = None
    timezone: Text | None = None
    anchor_date: Text | None = None
    day_or: StrictBool | None = None
    parameters: dict[str, Any] = {}
    replaces: Identifier | None = None

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str | None) -> str | None:
        from prefect.client.schemas.schedules import CronSchedule

        _understood("a cron expression such as '17 5 * * *'", CronSchedule, cron=cron)
        return cron

    @field_validator("rrule")
    @classmethod
    def _is_rrule(cls, rrule: str | None) -> str | None:
        from prefect.client.schemas.schedules import RRuleSchedule

        _understood("a recurrence rule such as 'FREQ=DAILY;BYHOUR=5'", RRuleSchedule, rrule=rrule)
        return rrule

    @field_validator("timezone")
    @classmethod
    def _is_timezone(cls, timezone: str | None) -> str | None:
        if timezone is not None and timezone not in _timezones():
            raise ValueError("expected a time zone of IANA such as Etc/UTC or Europe/Dublin")
        return timezone

    @field_validator("anchor_date")
    @classmethod
    def _is_date(cls, anchor_date: str | None) -> str | None:
        from prefect.client.schemas.schedules import IntervalSchedule

        _understood("a time such as '2026-01-01T00:00:00Z'", IntervalSchedule, anchor_date=anchor_date, interval=60)
        return anchor_date

    @model_validator(mode="after")
    def _is_one_kind(self) -> "Schedule":
        kinds = {"cron": self.cron, "interval": self.interval, "rrule": self.rrule}
        given = [name for name, value in kinds.items() if value is not None]
        if len(given) != 1:
            raise ValueError(f"expected one of cron, interval and rrule, found {' and '.join(given) or 'none'}")
        if self.interval is not None and self.anchor_date is None:
            raise ValueError(
                "expected an anchor_date beside the interval, such as anchor_date: '2026-01-01T00:00:00Z', found none; "
                "without one, intervals begin anew with each deploy"
            )
        return self


def duplicate_slugs(slugs: Sequence[str | None]) -> Iterator[tuple[int, str]]:
    """Find the slugs of a deployment's schedules that an earlier schedule has; yields each with its index."""
    for index, slug in enumerate(slugs):
        if slug is not None and slug in slugs[:index]:
            yield index, slug


def _understood(expected: str, kind: Callable[..., object], **fields: Any) -> None:
    """Validate the schedule with Prefect's own model, if the first of the fields is set."""
    if next(iter(fields.values())) is not None:
        try:
            kind(**fields)
        except ValueError:
            raise ValueError(f"expected {expected}") from None


@cache
def _timezones() -> frozenset[str]:
    from zoneinfo import available_timezones

    return frozenset(available_timezones())  # it searches a thousand files

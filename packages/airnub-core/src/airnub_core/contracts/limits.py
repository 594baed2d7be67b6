"""Dataset limits: settings of a processing stage that override the limits of a dataset's declaration."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from airnub_core.outcome import OnFail
from airnub_core.tolerance import Tolerance

SHORTEST_RETENTION = timedelta(days=1)
"""Files of a run that has not committed yet are no orphans: no run is longer than this."""
_RETENTION = re.compile(r"(\d+)\s*(h|d|w)")
_WITHIN = re.compile(r"(\d+)\s*(m|h|d|w)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_retention(value: Any) -> Any:
    """A time such as `30d`, `12h` or `8w`; what is no text is returned as it is, for Pydantic to judge.

    >>> parse_retention("30d")
    datetime.timedelta(days=30)

    Raises:
        ValueError: it is another text.
    """
    return _parsed(value, _RETENTION, "expected a number of hours, days or weeks, such as '30d'")


def parse_within(value: Any) -> Any:
    """An age such as `90m`, `36h` or `2d`; what is no text is returned as it is, for Pydantic to judge.

    >>> parse_within("90m")
    datetime.timedelta(seconds=5400)

    Raises:
        ValueError: it is another text.
    """
    return _parsed(value, _WITHIN, "expected a number of minutes, hours, days or weeks, such as '36h'")


def _parsed(value: Any, pattern: re.Pattern[str], expected: str) -> Any:
    if not isinstance(value, str):
        return value
    match = pattern.fullmatch(value.strip())
    if match is None or len(match.group(1)) > 5:
        raise ValueError(expected)
    return timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})


def retention_text(retention: timedelta) -> str:
    """The same as settings have it.

    >>> retention_text(timedelta(days=30)), retention_text(timedelta(hours=36))
    ('30d', '36h')
    """
    hours = int(retention.total_seconds()) // 3600
    return f"{hours}h" if hours % 24 else f"{hours // 24}d"


def within_text(within: timedelta) -> str:
    """The same of an age, which may be less than an hour.

    >>> within_text(timedelta(minutes=90)), within_text(timedelta(hours=36))
    ('90m', '36h')
    """
    minutes = int(within.total_seconds()) // 60
    return f"{minutes}m" if minutes % 60 else retention_text(within)


Retention = Annotated[
    timedelta,
    BeforeValidator(parse_retention),
    Field(ge=SHORTEST_RETENTION),
    PlainSerializer(retention_text, return_type=str, when_used="json"),
]
"""How long versions of a dataset can be read again."""

Within = Annotated[
    timedelta,
    BeforeValidator(parse_within),
    Field(ge=timedelta(minutes=1)),
    PlainSerializer(within_text, return_type=str, when_used="json"),
]
"""How old the newest value of a column may be."""


class DatasetLimits(BaseModel):
    """The limits of one dataset; what is left out is as its declaration says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_quarantined: Tolerance | None = None
    """Rows that may break a rule: a number, or a share of the rows read."""
    max_shrink: Tolerance | None = None
    """Rows that a commit may remove: a number, or a share of the rows of the version before."""
    retention: Retention | None = None
    """How long versions can be read again."""
    parquet_copy: bool | None = None
    """Whether `<dataset>.parquet` is written as well, for readers that take it by its path."""
    fresh_within: Within | None = None
    """How old the newest value may be, of each freshness check that the dataset declares."""
    checks: dict[str, OnFail] | None = None
    """By the name of a check that the dataset declares: whether its failure warns or blocks."""

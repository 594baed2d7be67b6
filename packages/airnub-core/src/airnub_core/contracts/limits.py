"""Limits in settings: tolerances, ages and retention, and the settings that override the limits of one dataset."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from airnub_core.outcome import OnFail
from airnub_core.strict_model import StrictModel

SHORTEST_RETENTION = timedelta(days=1)
"""Maximum duration of a run: younger files may belong to a run that has not committed yet and are not orphans."""
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def _share(text: str) -> str:
    match = _SHARE.fullmatch(text)
    if match is None or Decimal(match.group(1)) > 100:
        raise ValueError("expected a number, or a share such as '5%'")
    return text


def _growth(text: str) -> str:
    if _SHARE.fullmatch(text) is None:
        raise ValueError("expected a number, or a share such as '150%'")
    return text


Tolerance = Annotated[int, Field(ge=0, le=2**63 - 1)] | Annotated[str, AfterValidator(_share)]
"""How many items of a run, or rows of a dataset, may fail: a number, or a share such as `5%`."""
Growth = Annotated[int, Field(ge=0, le=2**63 - 1)] | Annotated[str, AfterValidator(_growth)]
"""How many rows a dataset may gain: a number, or a share, which may exceed 100 %."""


def tolerates(tolerance: int | str, failed: int, items: int) -> bool:
    """Whether `failed` of so many `items` is within the tolerance."""
    if isinstance(tolerance, int):
        return failed <= tolerance
    return failed * 100 <= items * _percent(tolerance)


def allows_no_more(found: int | str | None, wanted: int | str) -> bool:
    """Whether `found` is at least as strict as `wanted`; `None` tolerates everything.

    >>> allows_no_more("5%", "10%"), allows_no_more(200, 100), allows_no_more(5, "10%")
    (True, False, False)

    A number and a share cannot be compared.
    """
    if isinstance(found, int) and isinstance(wanted, int):
        return found <= wanted
    if not isinstance(found, str) or not isinstance(wanted, str):
        return False
    return _percent(found) <= _percent(wanted)


def _percent(share: str) -> Decimal:
    match = _SHARE.fullmatch(share)
    assert match is not None, "validated when it was read"
    return Decimal(match.group(1))


def _duration(units: str, expected: str) -> Callable[[Any], Any]:
    """Return a parser of durations such as `30d`; it leaves values that are not strings to Pydantic.

    >>> _duration("hdw", "expected a duration")("30d")
    datetime.timedelta(days=30)
    """
    pattern = re.compile(rf"(\d{{1,5}})\s*([{units}])")

    def parse(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        match = pattern.fullmatch(value.strip())
        if match is None:
            raise ValueError(expected)
        return timedelta(**{_UNITS[match[2]]: int(match[1])})

    return parse


def retention_text(retention: timedelta) -> str:
    """Format a retention as in settings; as `Retention` parses it.

    >>> retention_text(timedelta(days=30)), retention_text(timedelta(hours=36))
    ('30d', '36h')
    """
    hours = int(retention.total_seconds()) // 3600
    return f"{hours}h" if hours % 24 else f"{hours // 24}d"


def within_text(within: timedelta) -> str:
    """Format an age as in settings; as `Within` parses it.

    >>> within_text(timedelta(minutes=90)), within_text(timedelta(hours=36))
    ('90m', '36h')
    """
    minutes = int(within.total_seconds()) // 60
    return f"{minutes}m" if minutes % 60 else retention_text(within)


Retention = Annotated[
    timedelta,
    BeforeValidator(_duration("hdw", "expected a number of hours, days or weeks, such as '30d'")),
    Field(ge=SHORTEST_RETENTION),
    PlainSerializer(retention_text, return_type=str, when_used="json"),
]
"""How long previous versions of a dataset stay readable; at least one day."""

Within = Annotated[
    timedelta,
    BeforeValidator(_duration("mhdw", "expected a number of minutes, hours, days or weeks, such as '36h'")),
    Field(ge=timedelta(minutes=1)),
    PlainSerializer(within_text, return_type=str, when_used="json"),
]
"""Maximum age of the newest value of a column; at least one minute."""


class DatasetLimits(StrictModel):
    """Settings of one dataset; unset fields keep the values of its declaration."""

    max_quarantined: Tolerance | None = None
    """Maximum number of quarantined rows, or share of the rows read."""
    max_shrink: Tolerance | None = None
    """Maximum number of rows that a commit may remove, or share of the previous version's rows."""
    retention: Retention | None = None
    """How long previous versions stay readable."""
    parquet_copy: bool | None = None
    """Whether `<dataset>.parquet` is written as well, for readers that open a file by its path."""
    fresh_within: Within | None = None
    """Maximum age of the newest value, for each freshness check that the dataset declares."""
    checks: dict[str, OnFail] | None = None
    """Effect of a failure, `warn` or `block`, by the name of a check that the dataset declares."""

"""Dataset limits: what the settings of a processing stage say about one dataset, instead of its declaration."""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from airnub_core.tolerance import Tolerance

SHORTEST_RETENTION = timedelta(days=1)
"""Files of a run that has not committed yet are no orphans: no run is longer than this."""
_RETENTION = re.compile(r"(\d+)\s*(h|d|w)")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def parse_retention(value: Any) -> Any:
    """A time such as `30d`, `12h` or `8w`; what is no text is returned as it is, for Pydantic to judge.

    >>> parse_retention("30d")
    datetime.timedelta(days=30)

    Raises:
        ValueError: it is another text.
    """
    if not isinstance(value, str):
        return value
    match = _RETENTION.fullmatch(value.strip())
    if match is None or len(match.group(1)) > 5:
        raise ValueError("expected a number of hours, days or weeks, such as '30d'")
    return timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})


def retention_text(retention: timedelta) -> str:
    """The same as settings have it.

    >>> retention_text(timedelta(days=30)), retention_text(timedelta(hours=36))
    ('30d', '36h')
    """
    hours = int(retention.total_seconds()) // 3600
    return f"{hours}h" if hours % 24 else f"{hours // 24}d"


Retention = Annotated[
    timedelta,
    BeforeValidator(parse_retention),
    Field(ge=SHORTEST_RETENTION),
    PlainSerializer(retention_text, return_type=str, when_used="json"),
]
"""How long versions of a dataset can be read again."""


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

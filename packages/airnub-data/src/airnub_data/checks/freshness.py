"""Freshness: the newest value of a column is recent; evaluated in each run, also if the dataset did not change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import polars as pl
from pydantic import TypeAdapter, ValidationError

from airnub_core.contracts.limits import Within, within_text
from airnub_core.errors import DatasetError
from airnub_core.outcome import OnFail
from airnub_data.checks.base import Check, CheckedRows, Finding, Moment, Over, named_for
from airnub_data.columns import Schema

_WITHIN: TypeAdapter[timedelta] = TypeAdapter(Within)


@dataclass(frozen=True, kw_only=True)
class Fresh(Check):
    """The newest value of a column is at most as old as `within`; a date counts from midnight UTC."""

    column: str
    within: timedelta
    # The maxima of the other files are in the Delta log, so files that stay are not read.
    over: Over = "touched"

    @property
    def expected(self) -> str:
        return f"a value of {self.column} within the last {within_text(self.within)}"

    @property
    def columns_used(self) -> tuple[str, ...]:
        return (self.column,)

    def problem(self, schema: Schema) -> str | None:
        if (reason := super().problem(schema)) is not None:
            return reason
        if not (schema[self.column].dtype == pl.Date or schema[self.column].dtype == pl.Datetime):
            return f"check {self.name}: expected a column of dates or times, found {schema[self.column].dtype}"
        return None

    def aggregates(self) -> Sequence[pl.Expr]:
        return (pl.col(self.column).max(),)

    def judge(self, rows: CheckedRows) -> Finding:
        found = [value for value in (rows.values[0], rows.newest_kept(self.column)) if value is not None]
        return self.judge_newest(max(map(_moment, found), default=None), rows.now)

    def judge_newest(self, newest: Moment | None, now: datetime) -> Finding:
        """Evaluate the check for a newest value that is already known; `None` if the column has no value."""
        if newest is None:
            return Finding(False, "no value")
        newest = _moment(newest)
        age = now - newest
        found = f"{newest:%Y-%m-%d %H:%M} UTC, which is {_age(age)} old"
        return Finding(age <= self.within, found, round(age.total_seconds() / 3600, 3), "hours")


def fresh(column: str, *, within: str | timedelta, name: str | None = None, on_fail: OnFail = "block") -> Fresh:
    """Check that the newest value of a column is recent, also when the dataset did not change.

    Args:
        column: column of dates or timestamps; a timestamp without a time zone is in UTC.
        within: maximum age, such as `36h`; at least a minute.
        name: name of the check in messages and settings. Default: `fresh_` and the column.
        on_fail: `block` prevents the commit, `warn` adds a warning.

    Raises:
        DatasetError: `within` is not a duration, or is shorter than a minute.
    """
    name = name or named_for("fresh", (column,))
    try:
        parsed = _WITHIN.validate_python(within)
    except ValidationError as error:
        reason = f"expected a time of at least a minute as within, such as '36h', found {within!r}"
        raise DatasetError(f"check {name}", reason) from error
    return Fresh(name=name, column=column, within=parsed, on_fail=on_fail)


def _moment(value: Moment) -> datetime:
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _age(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours:,.1f} hours" if hours < 48 else f"{hours / 24:,.1f} days"

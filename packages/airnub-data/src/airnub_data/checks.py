"""Checks: conditions on a whole dataset, or on the rows of the files that a run writes, evaluated before a commit;
`fresh` in any run.

Rules for single values belong to `Column`; rows that break them are quarantined. A check evaluates the version that is
about to be committed: a failure blocks the commit or adds a warning.

>>> from airnub_data.checks import expression, fresh, row_count, unique
>>> checks = (
...     unique("email"),
...     row_count(minimum=1_000),
...     fresh("updated_at", within="36h", on_fail="warn"),
...     expression("cheap", pl.col("price") < 1000, over="touched"),
... )
>>> [check.name for check in checks]
['unique_email', 'row_count', 'fresh_updated_at', 'cheap']
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from statistics import median
from typing import Any, Literal, NamedTuple, get_args

import polars as pl
from pydantic import TypeAdapter, ValidationError

from airnub_core.contracts.limits import Growth, Tolerance, Within, tolerates, within_text
from airnub_core.errors import DatasetError
from airnub_core.outcome import OnFail
from airnub_data.columns import Schema, stored_type

Over = Literal["table", "touched"]
"""Rows that a check reads: `table`, all rows of the version; `touched`, the rows of the files that the run adds."""
Moment = date | datetime

_NAME = re.compile(r"[a-z][a-z0-9_]*")
HASHES_AT_ONCE = 5_000_000
"""Maximum number of hashes in memory: 5 M rows are 40 MB of hashes, and as much again to count distinct ones."""
_NAMED_HASHES = 1_000
_FEW_VALUES = 10_000
"""Maximum row count of a referenced dataset for which `is_in` is used; above it, a join is faster."""
_LONGEST_EXAMPLE = 80
"""Maximum length of an example value in a message, in characters."""
_VERSIONS = 7
_SHRINK: TypeAdapter[int | str | None] = TypeAdapter(Tolerance | None)
_GROWTH: TypeAdapter[int | str | None] = TypeAdapter(Growth | None)
_WITHIN: TypeAdapter[timedelta] = TypeAdapter(Within)


@dataclass(frozen=True, slots=True)
class CheckedRows:
    """Input of a check: rows as readers see them, with the declared types and without internal columns."""

    rows: pl.LazyFrame
    """Rows of the version, or of its new files, according to the check's `over`."""
    total: int
    """Row count of the version."""
    now: datetime
    """Time of the evaluation, in UTC."""
    newest_kept: Callable[[str], Moment | None]
    """Returns the maximum of a column over the files that the version keeps, from the statistics in the Delta log;
    timestamps have millisecond precision."""
    earlier: Callable[[int], Sequence[int]]
    """Returns the row counts of the previous versions, at most as many as the argument."""
    dataset: Callable[[str], pl.LazyFrame]
    """Returns the rows of a different dataset by its name."""
    values: Sequence[Any] = ()
    """Values of the check's `aggregates`, in their order."""
    hashes: pl.Series | None = None
    """Result of the check's `row_hashes`; `None` if the hashes were not collected in the same pass."""


class Finding(NamedTuple):
    """Result of evaluating one check."""

    passed: bool
    """Whether the check passed."""
    found: str
    """What was found: the words after `found` in a message."""
    value: float | None = None
    """The number that the check compared; `None` if it compares none."""
    unit: str | None = None
    """Unit of `value`, such as `rows`."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """Base class of checks. The functions of this module create them."""

    name: str
    on_fail: OnFail = "block"
    over: Over = "table"

    @property
    def expected(self) -> str:
        """The expected condition: the words after `expected` in a message."""
        raise NotImplementedError

    @property
    def columns_used(self) -> tuple[str, ...]:
        """Columns that the dataset must declare."""
        return ()

    def problem(self, schema: Schema) -> str | None:
        """Return why this check is invalid for a dataset with this schema, or `None` if it is valid."""
        if _NAME.fullmatch(self.name) is None:
            return f"expected a name of small letters, digits and _ for a check, found {self.name!r}; pass name="
        for what, value, words in (("on_fail", self.on_fail, OnFail), ("over", self.over, Over)):
            if value not in get_args(words):
                return f"check {self.name}: expected {' or '.join(get_args(words))} as {what}, found {value!r}"
        for column in self.columns_used:
            if column not in schema:
                return f"check {self.name}: expected a declared column, found {column!r}; declared are " + ", ".join(
                    schema
                )
        return None

    def require_evaluable(self, rows: pl.LazyFrame) -> None:
        """Verify that the check can be evaluated on rows with these types.

        Raises:
            TypeError: the check cannot be evaluated on these types.
        """

    def aggregates(self) -> Sequence[pl.Expr]:
        """Return the aggregate expressions that the check needs. Those of all checks are computed in one pass."""
        return ()

    def row_hashes(self, rows: pl.LazyFrame) -> pl.LazyFrame | None:  # noqa: ARG002  # of checks that need them
        """Return one column with a hash of each row, or `None` if the check needs no hashes."""
        return None

    def judge(self, rows: CheckedRows) -> Finding:
        """Evaluate the check."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Unique(Check):
    """The values of some columns are unique; rows with a null in one of them are ignored."""

    columns: tuple[str, ...]

    @property
    def expected(self) -> str:
        return f"each {_listed(self.columns)} once"

    @property
    def columns_used(self) -> tuple[str, ...]:
        return self.columns

    def row_hashes(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.select(self.columns).drop_nulls().select(self._hash.alias("hash"))

    @property
    def _hash(self) -> pl.Expr:
        return (pl.col(self.columns[0]) if len(self.columns) == 1 else pl.struct(self.columns)).hash()

    def judge(self, rows: CheckedRows) -> Finding:
        # Hashes take a fraction of the memory of the values; values are compared only where hashes are equal.
        given = rows.rows.select(self.columns).drop_nulls()
        repeated, some = 0, None
        slices = max(1, -(-rows.total // HASHES_AT_ONCE))
        for number in range(slices):
            if rows.hashes is not None:
                hashes = rows.hashes
            else:
                found = self.row_hashes(rows.rows)
                if slices > 1:
                    found = found.filter(pl.col("hash") % slices == number)
                hashes = found.collect(engine="streaming").to_series()
            more = len(hashes) - hashes.n_unique()
            if more and some is None:
                twice = hashes.filter(hashes.is_duplicated()).unique().head(_NAMED_HASHES)
                same = given.filter(self._hash.is_in(twice.implode()))
                some = same.filter(pl.struct(self.columns).is_duplicated()).head(1).collect()
                if some.is_empty() and len(twice) < _NAMED_HASHES:
                    some, more = None, 0  # hash collision of different values
            repeated += more
        if some is None or some.is_empty():
            return Finding(True, "no repeated value", 0, "duplicate rows")
        text = f"{repeated:,} duplicate rows, such as {_example(some.row(0), self.columns)}"
        return Finding(False, text, repeated, "duplicate rows")


@dataclass(frozen=True, kw_only=True)
class RowCount(Check):
    """The row count of the version is within bounds."""

    minimum: int | None = None
    maximum: int | None = None

    @property
    def expected(self) -> str:
        bounds = [
            *([f"at least {self.minimum:,}"] if self.minimum is not None else ()),
            *([f"at most {self.maximum:,}"] if self.maximum is not None else ()),
        ]
        return f"{' and '.join(bounds)} rows"

    def problem(self, schema: Schema) -> str | None:
        if self.minimum is None and self.maximum is None:
            return f"check {self.name}: expected minimum= or maximum=, found neither"
        return super().problem(schema)

    def judge(self, rows: CheckedRows) -> Finding:
        low = self.minimum is None or rows.total >= self.minimum
        high = self.maximum is None or rows.total <= self.maximum
        return Finding(low and high, f"{rows.total:,} rows", rows.total, "rows")


@dataclass(frozen=True, kw_only=True)
class RowCountChange(Check):
    """The row count stays close to the median of the previous versions; the first version always passes."""

    max_shrink: int | str | None = None
    max_growth: int | str | None = None
    versions: int = _VERSIONS

    @property
    def expected(self) -> str:
        bounds = [
            *([f"at most {self.max_shrink} fewer"] if self.max_shrink is not None else ()),
            *([f"at most {self.max_growth} more"] if self.max_growth is not None else ()),
        ]
        return f"{' and '.join(bounds)} rows than the median of the last {self.versions} versions"

    def problem(self, schema: Schema) -> str | None:
        if self.max_shrink is None and self.max_growth is None:
            return f"check {self.name}: expected max_shrink= or max_growth=, found neither"
        if self.versions < 1:
            return f"check {self.name}: expected at least 1 of versions, found {self.versions}"
        for what, value, kind in (("max_shrink", self.max_shrink, _SHRINK), ("max_growth", self.max_growth, _GROWTH)):
            try:
                kind.validate_python(value)
            except ValidationError:
                expected = f"expected a number of rows as {what}, or a share such as '5%'"
                return f"check {self.name}: {expected}, found {value!r}"
        return super().problem(schema)

    def judge(self, rows: CheckedRows) -> Finding:
        earlier = rows.earlier(self.versions)
        if not earlier:
            return Finding(True, f"{rows.total:,} rows, and no version before")
        before = int(median(earlier))
        if not before:
            return Finding(True, f"{rows.total:,} rows, and none in the versions before")
        shrink = self.max_shrink is None or tolerates(self.max_shrink, max(before - rows.total, 0), before)
        growth = self.max_growth is None or tolerates(self.max_growth, max(rows.total - before, 0), before)
        found = f"{rows.total:,} rows, and {before:,} in the median of {len(earlier)} versions"
        return Finding(shrink and growth, found, round((rows.total - before) / before * 100, 3), "% change")


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


@dataclass(frozen=True, kw_only=True)
class Reference(Check):
    """Foreign key: every value occurs in a different dataset. Rows with a null in one of the columns are ignored."""

    columns: tuple[str, ...]
    to: str
    to_columns: tuple[str, ...]

    @property
    def expected(self) -> str:
        return f"each {_listed(self.columns)} to be a {_listed(self.to_columns)} of {self.to}"

    @property
    def columns_used(self) -> tuple[str, ...]:
        return self.columns

    def problem(self, schema: Schema) -> str | None:
        if len(self.columns) != len(self.to_columns):
            return (
                f"check {self.name}: expected as many columns of {self.to} as here, {len(self.columns)}, "
                f"found {len(self.to_columns)}"
            )
        return super().problem(schema)

    def judge(self, rows: CheckedRows) -> Finding:
        known = _as_stored(rows.dataset(self.to), self.to_columns)
        given = _as_stored(rows.rows, self.columns).drop_nulls()
        if len(self.columns) == 1 and known.select(pl.len()).collect().item() <= _FEW_VALUES:
            # The Parquet reader applies `is_in` itself: 0.02 s of processor time for 5 M rows, a join 0.14 s.
            values = known.unique().collect().to_series()
            lost = given.filter(pl.col(self.columns).is_in(values.implode()).not_())
        else:
            lost = given.join(known, left_on=list(self.columns), right_on=list(self.to_columns), how="anti")
        first = (pl.col(name).first().alias(str(place)) for place, name in enumerate(self.columns, 1))
        count, *some = lost.select(pl.len().alias("0"), *first).collect(engine="streaming").row(0)
        if not count:
            return Finding(True, "a match for every value", 0, "rows without a match")
        found = f"{count:,} rows without a match, such as {_example(some, self.columns)}"
        return Finding(False, found, count, "rows without a match")


@dataclass(frozen=True, kw_only=True)
class Expression(Check):
    """A polars expression is true for each row (null counts as true), or is a single true value for all rows."""

    expression: pl.Expr = field(compare=False)
    described: str | None = None

    @property
    def expected(self) -> str:
        return self.described or f"{self.expression} to be true"

    def require_evaluable(self, rows: pl.LazyFrame) -> None:
        # `not_` is defined for numbers too and returns a number, so a numeric expression would not fail by itself.
        [dtype] = rows.select(self.expression).collect_schema().dtypes()
        if dtype != pl.Boolean:
            raise TypeError(f"expected an expression that is true or false, found {dtype}")

    def aggregates(self) -> Sequence[pl.Expr]:
        # Counts and examples for the message cost as much again, so they are computed only after a failure.
        return (self.expression.all(ignore_nulls=False),)

    def judge(self, rows: CheckedRows) -> Finding:
        [holds] = rows.values
        if holds:
            return Finding(True, "true", 0, "failing rows")
        more = [self.expression.len().alias("length"), pl.len().alias("rows")]
        if holds is not None:
            more.append(self.expression.not_().sum().alias("wrong"))
        length, count, *wrong = rows.rows.select(more).collect(engine="streaming").row(0)
        if length == 1 and count != 1:
            return Finding(False, "null" if holds is None else "false")
        if not wrong:
            return Finding(True, "true or null for every row", 0, "failing rows")
        names = list(dict.fromkeys(self.expression.meta.root_names()))
        some = rows.rows.filter(self.expression.not_()).select(names).head(1).collect(engine="streaming")
        example = f", such as {_example(some.row(0), names)}" if names and len(some) else ""
        found = f"{wrong[0]:,} of {count:,} rows for which it is false{example}"
        return Finding(False, found, wrong[0], "failing rows")


@dataclass(frozen=True, kw_only=True)
class Function(Check):
    """A function of the department over the rows returns `True`; on failure it may return a text instead of `False`."""

    function: Callable[[pl.LazyFrame], bool | str]
    described: str | None = None

    @property
    def expected(self) -> str:
        return self.described or f"{getattr(self.function, '__qualname__', self.name)} to return True"

    def judge(self, rows: CheckedRows) -> Finding:
        found = self.function(rows.rows)
        if not isinstance(found, bool | str):
            raise TypeError(f"expected True, False or a text from {self.name}, found {found!r}")
        return Finding(found is True, str(found))


def unique(*columns: str, name: str | None = None, on_fail: OnFail = "block", over: Over = "table") -> Unique:
    """Check that the values of these columns are unique. The key needs no such check.

    Args:
        columns: one or several; a row with a null in one of them is ignored.
        name: name of the check in messages and settings. Default: `unique_` and the columns.
        on_fail: `block` prevents the commit, `warn` adds a warning.
        over: `table` compares all rows; `touched` compares only the rows of new files with each other.
    """
    return Unique(name=name or _named("unique", columns), columns=columns, on_fail=on_fail, over=over)


def row_count(
    *, minimum: int | None = None, maximum: int | None = None, name: str = "row_count", on_fail: OnFail = "block"
) -> RowCount:
    """Check that the row count of the version is within bounds, both inclusive."""
    return RowCount(name=name, minimum=minimum, maximum=maximum, on_fail=on_fail)


def row_count_change(
    *,
    max_shrink: int | str | None = None,
    max_growth: int | str | None = None,
    versions: int = _VERSIONS,
    name: str = "row_count_change",
    on_fail: OnFail = "block",
) -> RowCountChange:
    """Check that the row count stays close to the median of the previous versions.

    Args:
        max_shrink: maximum decrease: a number of rows, or a share such as `20%`.
        max_growth: maximum increase: a number of rows, or a share such as `150%`.
        versions: number of previous versions; fewer are used if fewer exist.
        name: name of the check in messages and settings.
        on_fail: `block` prevents the commit, `warn` adds a warning.
    """
    return RowCountChange(
        name=name, max_shrink=max_shrink, max_growth=max_growth, versions=versions, on_fail=on_fail
    )  # fmt: skip


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
    name = name or _named("fresh", (column,))
    try:
        parsed = _WITHIN.validate_python(within)
    except ValidationError as error:
        reason = f"expected a time of at least a minute as within, such as '36h', found {within!r}"
        raise DatasetError(f"check {name}", reason) from error
    return Fresh(name=name, column=column, within=parsed, on_fail=on_fail)


def reference(
    *columns: str,
    to: str,
    to_columns: str | Sequence[str] | None = None,
    name: str | None = None,
    on_fail: OnFail = "block",
    over: Over = "table",
) -> Reference:
    """Check that every value occurs in a different dataset, at its newest version when the check is evaluated.

    Args:
        columns: one or several; a row with a null in one of them is ignored.
        to: the referenced dataset: the table name of a dataset of the same department, or `department/name` of a
            published one.
        to_columns: columns of the referenced dataset. Default: `columns`.
        name: name of the check in messages and settings. Default: `reference_` and the columns.
        on_fail: `block` prevents the commit, `warn` adds a warning.
        over: `table` checks all rows; `touched` checks only the rows of new files.
    """
    there = columns if to_columns is None else (to_columns,) if isinstance(to_columns, str) else tuple(to_columns)
    return Reference(
        name=name or _named("reference", columns), columns=columns, to=to, to_columns=there, on_fail=on_fail, over=over
    )


def expression(
    name: str, expression: pl.Expr, *, expected: str | None = None, on_fail: OnFail = "block", over: Over = "table"
) -> Expression:
    """Check that a polars expression is true, for each row or once for all rows.

    Args:
        name: name of the check in messages and settings.
        expression: such as `pl.col("price") < 1000`, where null counts as true, or `pl.col("price").mean() < 100`.
        expected: description of the condition for messages. Default: the expression as polars formats it.
        on_fail: `block` prevents the commit, `warn` adds a warning.
        over: `table` checks all rows; `touched` checks only the rows of new files.
    """
    return Expression(name=name, expression=expression, described=expected, on_fail=on_fail, over=over)


def function(
    function: Callable[[pl.LazyFrame], bool | str],
    *,
    name: str | None = None,
    expected: str | None = None,
    on_fail: OnFail = "block",
    over: Over = "table",
) -> Function:
    """Check that a function over the rows returns `True`.

    Args:
        function: takes the rows; returns `True` if they pass, otherwise `False` or a text that says what was found.
        name: name of the check in messages and settings. Default: the name of the function.
        expected: description of the condition for messages.
        on_fail: `block` prevents the commit, `warn` adds a warning.
        over: `table` passes all rows; `touched` passes only the rows of new files.
    """
    own = str(getattr(function, "__name__", ""))
    return Function(name=name or own, function=function, described=expected, on_fail=on_fail, over=over)


def _named(kind: str, columns: Sequence[str]) -> str:
    return re.sub(r"[^a-z0-9_]", "_", "_".join((kind, *columns)).lower())


def _listed(columns: Sequence[str]) -> str:
    return columns[0] if len(columns) == 1 else f"({', '.join(columns)})"


def _example(values: Sequence[Any], columns: Sequence[str]) -> str:
    shown = ", ".join(f"{name}={value}" for name, value in zip(columns, values, strict=True))
    return shown if len(shown) <= _LONGEST_EXAMPLE else f"{shown[: _LONGEST_EXAMPLE - 1]}…"


def _as_stored(rows: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    """Cast columns to their Delta types: two datasets may declare different types that are stored as the same one."""
    schema = rows.select(columns).collect_schema()
    return rows.select(pl.col(name).cast(stored_type(dtype)) for name, dtype in schema.items())


def _moment(value: Moment) -> datetime:
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _age(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return f"{hours:,.1f} hours" if hours < 48 else f"{hours / 24:,.1f} days"

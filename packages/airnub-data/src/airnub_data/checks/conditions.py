"""Conditions of a department's own: polars expressions, and functions over the rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import polars as pl

from airnub_core.outcome import OnFail
from airnub_data.checks.base import Check, CheckedRows, Finding, Over, example


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
        such = f", such as {example(some.row(0), names)}" if names and len(some) else ""
        found = f"{wrong[0]:,} of {count:,} rows for which it is false{such}"
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

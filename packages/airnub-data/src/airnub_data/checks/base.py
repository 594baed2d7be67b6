"""Base of checks, what they read and what they find; a kind of check is a module of this package with

1. a subclass of `Check`, and the function that creates it, exported by `__init__`
2. its form in contracts: `airnub_core.contracts.checks`, `airnub_data.contract_checks`, `airnub_cli.contract.odcs`
3. a section of docs/datasets.md, and of docs/contracts.md
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, get_args

import polars as pl

from airnub_core.outcome import OnFail
from airnub_data.columns import Schema

Over = Literal["table", "touched"]
"""Rows that a check reads: `table`, all rows of the version; `touched`, the rows of the files that the run adds."""
Moment = date | datetime

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST_EXAMPLE = 80
"""Maximum length of an example value in a message, in characters."""


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
    """Base class of checks. The functions of this package create them."""

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


def named_for(kind: str, columns: Sequence[str]) -> str:
    """The default name of a check: its kind and columns."""
    return re.sub(r"[^a-z0-9_]", "_", "_".join((kind, *columns)).lower())


def listed(columns: Sequence[str]) -> str:
    """Columns in a message."""
    return columns[0] if len(columns) == 1 else f"({', '.join(columns)})"


def example(values: Sequence[Any], columns: Sequence[str]) -> str:
    """An example row in a message, truncated."""
    shown = ", ".join(f"{name}={value}" for name, value in zip(columns, values, strict=True))
    return shown if len(shown) <= _LONGEST_EXAMPLE else f"{shown[: _LONGEST_EXAMPLE - 1]}…"

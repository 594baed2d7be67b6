"""Partitioning: split a dataset, so that a change rewrites only the partitions that it affects."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Protocol

import polars as pl


class Partitioning(Protocol):
    """Assigns rows to partitions by an integer, which is null if the column is, and names the folders of partitions."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that determine the partition."""
        ...

    def number(self) -> pl.Expr:
        """Return the expression of the partition number: `Int32`."""
        ...

    def name(self, number: int | None) -> str | None:
        """Return the folder name of a partition, or `None` for the partition of nulls."""
        ...


@dataclass(frozen=True, slots=True)
class Day:
    """One partition per day of a date or timestamp, in UTC: `2024-03-01`."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def number(self) -> pl.Expr:
        return pl.col(self.column).cast(pl.Date).cast(pl.Int32)

    def name(self, number: int | None) -> str | None:
        return None if number is None else (date(1970, 1, 1) + timedelta(days=number)).isoformat()


@dataclass(frozen=True, slots=True)
class Month:
    """One partition per month of a date or timestamp, in UTC: `2024-03`."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def number(self) -> pl.Expr:
        when = pl.col(self.column)
        return when.dt.year().cast(pl.Int32) * 12 + when.dt.month().cast(pl.Int32) - 1

    def name(self, number: int | None) -> str | None:
        return None if number is None else f"{number // 12:04d}-{number % 12 + 1:02d}"


@dataclass(frozen=True, slots=True)
class Year:
    """One partition per year of a date or timestamp, in UTC: `2024`."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def number(self) -> pl.Expr:
        return pl.col(self.column).dt.year().cast(pl.Int32)

    def name(self, number: int | None) -> str | None:
        return None if number is None else f"{number:04d}"


@dataclass(frozen=True, slots=True)
class Hash:
    """A fixed number of partitions by the hash of a column: `00` to `15` for 16."""

    column: str
    count: int

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def number(self) -> pl.Expr:
        return (key_hash((self.column,)) % self.count).cast(pl.Int32)

    def name(self, number: int | None) -> str | None:
        return None if number is None else f"{number:0{len(str(self.count - 1))}d}"


def key_hash(columns: Sequence[str]) -> pl.Expr:
    """Return the 64-bit hash of columns. It may differ between polars versions and processors: see `HASH_PROBE`."""
    return (pl.col(columns[0]) if len(columns) == 1 else pl.struct(columns)).hash()


HASH_PROBE = str(
    pl.DataFrame({"a": ["airnub"], "b": [1]}).select(a=pl.col("a").hash(), b=pl.struct("a", "b").hash()).row(0)
)
"""Hashes of known values: part of every code digest, so that hashes of incompatible polars versions or processors are
never mixed."""

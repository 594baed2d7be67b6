"""Uniqueness: the values of some columns occur once."""

from dataclasses import dataclass

import polars as pl

from airnub_core.outcome import OnFail
from airnub_data.checks.base import Check, CheckedRows, Finding, Over, example, listed, named_for

HASHES_AT_ONCE = 5_000_000
"""Maximum number of hashes in memory: 5 M rows are 40 MB of hashes, and as much again to count distinct ones."""
_NAMED_HASHES = 1_000


@dataclass(frozen=True, kw_only=True)
class Unique(Check):
    """The values of some columns are unique; rows with a null in one of them are ignored."""

    columns: tuple[str, ...]

    @property
    def expected(self) -> str:
        return f"each {listed(self.columns)} once"

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
        text = f"{repeated:,} duplicate rows, such as {example(some.row(0), self.columns)}"
        return Finding(False, text, repeated, "duplicate rows")


def unique(*columns: str, name: str | None = None, on_fail: OnFail = "block", over: Over = "table") -> Unique:
    """Check that the values of these columns are unique. The key needs no such check.

    Args:
        columns: one or several; a row with a null in one of them is ignored.
        name: name of the check in messages and settings. Default: `unique_` and the columns.
        on_fail: `block` prevents the commit, `warn` adds a warning.
        over: `table` compares all rows; `touched` compares only the rows of new files with each other.
    """
    return Unique(name=name or named_for("unique", columns), columns=columns, on_fail=on_fail, over=over)

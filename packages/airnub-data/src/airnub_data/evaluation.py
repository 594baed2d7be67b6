"""Evaluation: run the checks of a dataset against the version that is about to be committed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import polars as pl

from airnub_core.errors import DatasetError
from airnub_core.outcome import CheckResult, Violation
from airnub_data.checks import Check, CheckedRows, Finding, Fresh, Over
from airnub_data.checks.uniqueness import HASHES_AT_ONCE
from airnub_data.dataset import Dataset
from airnub_data.location import Location
from airnub_data.published_datasets import scan
from airnub_data.scan import open_table
from airnub_data.table import Table, TableFile

_NAMED_CHECKS = 3
"""Maximum number of failed checks in an error message; the attribute `checks` of the error has all of them."""


class CheckError(DatasetError):
    """A failed check blocks the commit; the previous version stays current."""

    checks: tuple[CheckResult, ...] = field(default=(), compare=False)
    """Results of all checks."""
    quarantined: int = field(default=0, compare=False)
    """Number of quarantined rows."""
    violations: tuple[Violation, ...] = field(default=(), compare=False)
    """Violated rules, the one with the most rows first."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one pass over the rows computed for a check."""

    values: Sequence[Any] = ()
    """Values of the check's `aggregates`."""
    hashes: pl.Series | None = None
    """Result of the check's `row_hashes`; `None` if it has none, or too many for one pass."""


class _UnevaluatedError(Exception):
    """A check cannot be evaluated; the message contains the reason."""

    @property
    def found(self) -> str:
        """The words after `found` in a message."""
        return f"that it cannot be evaluated: {self}"


def evaluate(
    dataset: Dataset, location: Location, table: Table | None, kept: Sequence[TableFile], added: Sequence[TableFile]
) -> tuple[CheckResult, ...]:
    """Evaluate the checks for the version that consists of these files. All files must already be in their final paths.

    A check that cannot be evaluated counts as failed.

    Args:
        dataset: declaration with the checks.
        location: location of the datasets.
        table: the previous version, or `None` if there is none.
        kept: files of the previous version that stay.
        added: new files.

    Returns:
        Results in the order of the declaration.
    """
    if not dataset.checks:
        return ()
    total = sum(file.rows for file in (*kept, *added))
    kept_paths = [file.path for file in kept]

    def rows(files: Sequence[TableFile]) -> CheckedRows:
        return CheckedRows(
            rows=_rows(dataset, location, files),
            total=total,
            now=datetime.now(UTC),
            newest_kept=lambda column: table.largest(column, kept_paths) if table is not None else None,
            earlier=partial(_earlier, table),
            dataset=partial(_rows_of, location),
        )

    every: dict[Over, CheckedRows] = {"touched": rows(added)}
    every["table"] = rows([*kept, *added]) if kept else every["touched"]
    found: dict[str, _Seen | _UnevaluatedError] = {}
    for checks, looked_at in _passes(dataset.checks, every):
        found |= _looked(checks, looked_at)
    return tuple(
        CheckResult(check.name, True, check.on_fail, check.expected, "no new rows")
        if check.over == "touched" and not added and not isinstance(check, Fresh)
        else _result(check, found[check.name], every[check.over])
        for check in dataset.checks
    )


def evaluate_unchanged(dataset: Dataset, table: Table, last: Sequence[CheckResult]) -> tuple[CheckResult, ...]:
    """Evaluate the freshness checks of an unchanged version; other results cannot change and are taken from its commit.

    Args:
        dataset: declaration with the checks.
        table: table at its newest version.
        last: results in the record of its commit. A check that was declared since then has no result until the next
            commit.
    """
    before = {result.name: result for result in last}
    results = []
    for check in dataset.checks:
        if isinstance(check, Fresh):
            finding = check.judge_newest(table.largest(check.column), datetime.now(UTC))
            results.append(_described(check, finding))
        elif check.name in before:
            results.append(replace(before[check.name], on_fail=check.on_fail))
    return tuple(results)


def freshness(dataset: Dataset) -> list[str]:
    """Return the names of the freshness checks: their results change over time even if no row changes."""
    return [check.name for check in dataset.checks if isinstance(check, Fresh)]


def require_passed(
    dataset: str,
    results: Sequence[CheckResult],
    *,
    among: Collection[str] | None = None,
    quarantined: int = 0,
    violations: Sequence[Violation] = (),
) -> None:
    """Raise if a blocking check failed.

    Args:
        dataset: name of the dataset, for the message.
        results: results of all checks.
        among: names of the checks that may block; `None`: all.
        quarantined: number of quarantined rows, for the error.
        violations: violated rules, for the error.

    Raises:
        CheckError: a check with `on_fail="block"` failed.
    """
    blocking = [
        result
        for result in results
        if not result.passed and result.on_fail == "block" and (among is None or result.name in among)
    ]
    if not blocking:
        return
    named = "; ".join(map(str, blocking[:_NAMED_CHECKS]))
    more = f"; and {len(blocking) - _NAMED_CHECKS} more checks" if len(blocking) > _NAMED_CHECKS else ""
    raise CheckError(
        dataset,
        f"{named}{more}; nothing was committed; the previous version stays. Correct the source or the declaration, "
        f"let it warn (dataset_limits: {{{dataset}: {{checks: {{{blocking[0].name}: warn}}}}}}), or accept it once: "
        f"run processing --accept {dataset}",
        tuple(results),
        quarantined,
        tuple(violations),
    )


def _passes(checks: Sequence[Check], every: Mapping[Over, CheckedRows]) -> list[tuple[list[Check], CheckedRows]]:
    """Group checks by the rows that they read; one group, that is one pass, if all rows are new."""
    if every["table"] is every["touched"]:
        return [(list(checks), every["table"])]
    by_over = {over: [check for check in checks if check.over == over] for over in every}
    return [(of_over, every[over]) for over, of_over in by_over.items() if of_over]


def _looked(checks: Sequence[Check], rows: CheckedRows) -> dict[str, _Seen | _UnevaluatedError]:
    """Compute aggregates and hashes of checks, by check name; for a check that cannot be evaluated, the reason."""
    found: dict[str, _Seen | _UnevaluatedError] = {}
    wanted: dict[str, tuple[list[pl.Expr], pl.LazyFrame | None]] = {}
    left = HASHES_AT_ONCE
    for check in checks:
        try:
            with _evaluating():
                aggregates = _planned(check, rows.rows)
                hashes = check.row_hashes(rows.rows) if rows.total <= left else None
                wanted[check.name] = (aggregates, hashes)
                left -= 0 if hashes is None else rows.total
        except _UnevaluatedError as error:
            found[check.name] = error
    try:
        with _evaluating():
            return found | _collected(rows.rows, wanted)
    except _UnevaluatedError:
        pass  # evaluated one by one below to find the one that failed
    for name, one in wanted.items():
        try:
            with _evaluating():
                found |= _collected(rows.rows, {name: one})
        except _UnevaluatedError as error:
            found[name] = error
    return found


def _planned(check: Check, rows: pl.LazyFrame) -> list[pl.Expr]:
    """Return the aggregates of a check under unique names.

    Resolving their schema reveals most mistakes without reading a row.
    """
    check.require_evaluable(rows)
    named = [one.alias(f"{check.name}:{place}") for place, one in enumerate(check.aggregates())]
    rows.select(named).collect_schema()
    return named


def _collected(
    rows: pl.LazyFrame, wanted: Mapping[str, tuple[Sequence[pl.Expr], pl.LazyFrame | None]]
) -> dict[str, _Seen]:
    every = [one for aggregates, _ in wanted.values() for one in aggregates]
    hashes = {name: frame for name, (_, frame) in wanted.items() if frame is not None}
    frames = [*([rows.select(every)] if every else ()), *hashes.values()]
    # collected together, so that each file is read once
    found = pl.collect_all(frames, engine="streaming") if frames else []
    values = iter(found[0].row(0) if every else ())
    columns = dict(zip(hashes, (frame.to_series() for frame in found[bool(every) :]), strict=True))
    return {
        name: _Seen([next(values) for _ in aggregates], columns.get(name)) for name, (aggregates, _) in wanted.items()
    }


def _result(check: Check, seen: _Seen | _UnevaluatedError, rows: CheckedRows) -> CheckResult:
    if isinstance(seen, _UnevaluatedError):
        finding = Finding(False, seen.found)
    else:
        try:
            with _evaluating():
                finding = check.judge(replace(rows, values=seen.values, hashes=seen.hashes))
        except _UnevaluatedError as error:
            finding = Finding(False, error.found)
    return _described(check, finding)


def _described(check: Check, finding: Finding) -> CheckResult:
    passed, found, value, unit = finding
    return CheckResult(check.name, passed, check.on_fail, check.expected, found, value, unit)


@contextmanager
def _evaluating() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # code of a department, or a missing dataset: only this check fails
        raise _UnevaluatedError(f"{type(error).__name__}: {_first_line(error)}") from error


def _rows(dataset: Dataset, location: Location, files: Sequence[TableFile]) -> pl.LazyFrame:
    """Scan the rows of files as readers of the table see them."""
    declared = {name: column.dtype for name, column in dataset.schema.items()}
    if not files:
        return pl.LazyFrame(schema=declared)
    paths = [location.uri(f"{dataset.stem}/{file.path}") for file in files]
    rows = pl.scan_parquet(paths, storage_options=location.options)
    return rows.select(pl.col(name).cast(dtype) for name, dtype in declared.items())


def _rows_of(location: Location, name: str) -> pl.LazyFrame:
    department, _, published = name.rpartition("/")
    return scan(department, published) if department else open_table(location, name).scan()


def _earlier(table: Table | None, count: int) -> list[int]:
    if table is None:
        return []
    # A vacuum adds two commits without a record of rows, so more commits than versions are read.
    rows = [commit.record["rows"] for commit in table.history(count * 3) if "rows" in commit.record]
    return rows[:count]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]

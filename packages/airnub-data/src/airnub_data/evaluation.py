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
from airnub_data.checks import HASHES_AT_ONCE, Check, CheckedRows, Finding, Fresh, Over
from airnub_data.dataset import Dataset
from airnub_data.location import Location
from airnub_data.published_datasets import scan
from airnub_data.scan import open_table
from airnub_data.table import Table, TableFile

_NAMED_CHECKS = 3
"""Checks that the message of an error names; its `checks` are all of them."""


@dataclass(eq=True, unsafe_hash=True)
class CheckError(DatasetError):
    """A check forbids a commit; the version before stays."""

    checks: tuple[CheckResult, ...] = field(default=(), compare=False)
    """What every check found."""
    quarantined: int = field(default=0, compare=False)
    """Rows that break a rule."""
    violations: tuple[Violation, ...] = field(default=(), compare=False)
    """The rules, by the number of rows."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one pass over the rows found for a check."""

    values: Sequence[Any] = ()
    """Of its `aggregates`."""
    hashes: pl.Series | None = None
    """Its `row_hashes`; `None` where it has none, or too many for one pass."""


class _UnevaluatedError(Exception):
    """A check cannot be evaluated; the message says why."""

    @property
    def found(self) -> str:
        """As a message says it behind `found`."""
        return f"that it cannot be evaluated: {self}"


def evaluate(
    dataset: Dataset, location: Location, table: Table | None, kept: Sequence[TableFile], added: Sequence[TableFile]
) -> tuple[CheckResult, ...]:
    """Judge the version that consists of these files, all of which are in their places.

    One that cannot be evaluated has failed.

    Args:
        dataset: its checks.
        location: where datasets are.
        table: the version before, `None` where there is none.
        kept: files of the version before that stay.
        added: files that are new.
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
    """Judge a version again to which nothing is added: time alone can make a check fail, that of freshness.

    Args:
        dataset: its checks.
        table: its newest version.
        last: what was found when it was committed; a check that was declared since then is evaluated with the next one.
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
    """The names of the checks that time alone can make fail."""
    return [check.name for check in dataset.checks if isinstance(check, Fresh)]


def require_passed(
    dataset: str,
    results: Sequence[CheckResult],
    *,
    among: Collection[str] | None = None,
    quarantined: int = 0,
    violations: Sequence[Violation] = (),
) -> None:
    """Refuse a version; checks of other names than `among` count as accepted.

    Raises:
        CheckError: a check failed that blocks.
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
        f"{named}{more}; nothing was committed, and the version before stays. Correct the source or the declaration, "
        f"let it warn (dataset_limits: {{{dataset}: {{checks: {{{blocking[0].name}: warn}}}}}}), or accept it once: "
        f"run processing --accept {dataset}",
        tuple(results),
        quarantined,
        tuple(violations),
    )


def _passes(checks: Sequence[Check], every: Mapping[Over, CheckedRows]) -> list[tuple[list[Check], CheckedRows]]:
    """Checks by the rows that they look at: one pass, where all rows are new, or all checks look at the same ones."""
    if every["table"] is every["touched"]:
        return [(list(checks), every["table"])]
    by_over = {over: [check for check in checks if check.over == over] for over in every}
    return [(of_over, every[over]) for over, of_over in by_over.items() if of_over]


def _looked(checks: Sequence[Check], rows: CheckedRows) -> dict[str, _Seen | _UnevaluatedError]:
    """What checks need of the rows, by the names of the checks; of one that cannot be evaluated, the reason."""
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
        pass  # which of them it is shows when each is alone
    for name, one in wanted.items():
        try:
            with _evaluating():
                found |= _collected(rows.rows, {name: one})
        except _UnevaluatedError as error:
            found[name] = error
    return found


def _planned(check: Check, rows: pl.LazyFrame) -> list[pl.Expr]:
    """What a check needs, under names that no other check has; most mistakes show before a row is read."""
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
    # Together they read each file once.
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
    except Exception as error:  # code of a department, or a dataset that is not there: one check fails, not the others
        raise _UnevaluatedError(f"{type(error).__name__}: {_first_line(error)}") from error


def _rows(dataset: Dataset, location: Location, files: Sequence[TableFile]) -> pl.LazyFrame:
    """The rows of files as readers of the table will see them."""
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
    # More commits than versions are asked for, since a vacuum makes two that say nothing of rows.
    rows = [commit.record["rows"] for commit in table.history(count * 3) if "rows" in commit.record]
    return rows[:count]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]

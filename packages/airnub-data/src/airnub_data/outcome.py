"""Outcomes: the result of making a dataset, as a stage reports it."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from airnub_core.errors import IngestError, StoreError
from airnub_core.outcome import CheckResult, Outcome, Status
from airnub_core.store.location import StoreLocation
from airnub_data.dataset import Dataset
from airnub_data.evaluation import CheckError, evaluate_unchanged, freshness, require_passed
from airnub_data.inputs import why_incomplete
from airnub_data.limits import LimitError
from airnub_data.location import Location
from airnub_data.make import Made, make_dataset
from airnub_data.record import Record, Run
from airnub_data.table import Table

_NEXT = "Run what failed again (run ingestion --failed), or make it as it is: run processing --accept "
_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_NAMED = 5
"""Maximum number of differences from the declaration in a warning."""


def dataset_outcome(
    dataset: Dataset,
    store: Path | StoreLocation | None,
    location: Location,
    *,
    published: Mapping[str, Location] | None = None,
    accept: bool = False,
    run: Run | None = None,
    on_progress: Callable[[float], None] = lambda _share: None,
) -> Outcome:
    """Make a dataset like `make_dataset`, and return errors as a failed outcome, so that other datasets are still made.

    Returns:
        `stored` for a new table, `updated` for a new version, `unchanged` if there was nothing to do, `failed` with the
        error. It has a warning if the dataset is held after a rollback, is new and empty, a check with `on_fail="warn"`
        failed, or objects differ from the declaration. If the dataset requires complete sources and one is incomplete,
        the result is that of `skipped_outcome`, unless `accept` is set. `path` is the table relative to the location,
        `size` the total size of its files in bytes.
    """
    try:
        strict = dataset.requires_complete and not accept
        if strict and (reasons := why_incomplete(dataset.stem, store, dataset.all_sources)):
            reason = f"skipped, since it requires complete sources: {'; '.join(reasons)}. {_NEXT}{dataset.stem}"
            return skipped_outcome(dataset, location, reason)
        made = make_dataset(
            dataset, store, location, published=published, accept=accept, run=run, on_progress=on_progress
        )
    except LimitError as error:
        return Outcome(
            dataset.stem, Status.FAILED, error=error, quarantined=error.quarantined, violations=error.violations
        )
    except CheckError as error:
        return Outcome(
            dataset.stem, Status.FAILED, error=error, quarantined=error.quarantined, violations=error.violations,
            checks=error.checks,
        )  # fmt: skip
    except IngestError as error:
        return Outcome(dataset.stem, Status.FAILED, error=error)
    except pl.exceptions.PolarsError as error:
        return Outcome(dataset.stem, Status.FAILED, error=_system_error(error, f"{location.name}/{dataset.stem}"))
    record = made.record
    return Outcome(
        dataset.stem,
        Status.STORED if made.new else Status.UPDATED if made.changed else Status.UNCHANGED,
        path=dataset.stem,
        size=record.size,
        rows=record.rows,
        version=made.version,
        rows_read=record.rows_read,
        quarantined=record.quarantined,
        superseded=record.superseded,
        objects=record.objects or None,
        inputs={one["dataset"]: one["version"] for one in record.input_versions},
        seconds=record.seconds if made.changed else None,
        violations=made.violations,
        checks=made.checks,
        warning=_warning(made, dataset),
    )


def _system_error(error: pl.exceptions.PolarsError, path: str) -> StoreError:
    """The error of the operating system that Polars reports as a text, such as that of a full disk.

    Raises:
        PolarsError: it is a different error.
    """
    code = _OS_ERROR.search(str(error))
    if code is None:
        raise error
    number = int(code[1])
    return StoreError.of(OSError(number, os.strerror(number)), path)


def skipped_outcome(dataset: Dataset, location: Location, reason: str) -> Outcome:
    """Return the outcome of a dataset that is not made in this run. Freshness is checked nevertheless.

    Args:
        dataset: declaration of the dataset.
        location: location of the datasets.
        reason: why it is skipped.

    Returns:
        `skipped` with the reason as warning, and with failed freshness checks; `failed` if such a check blocks.
    """
    fresh = freshness(dataset)
    checks: tuple[CheckResult, ...] = ()
    try:
        table = Table.open(location, dataset.stem) if fresh else None
        last = None if table is None else Record.last(table)
        if table is not None and last is not None and not last.held:
            checks = evaluate_unchanged(dataset, table, last.checks)
            require_passed(dataset.stem, checks, among=fresh)
    except CheckError as error:
        return Outcome(dataset.stem, Status.FAILED, error=error, warning=reason, checks=error.checks)
    except IngestError as error:
        return Outcome(dataset.stem, Status.FAILED, error=error, warning=reason)
    old = [str(check) for check in checks if check.name in fresh and not check.passed]
    return Outcome(dataset.stem, Status.SKIPPED, warning="; ".join([reason, *old]), checks=checks)


def _warning(made: Made, dataset: Dataset) -> str | None:
    if made.held:
        return f"it was rolled back to version {made.record.restored} and is not made until `dataset release`"
    reported = [one for one in made.drift if one.kind != "new" or dataset.on_new_column != "ignore"]
    reported.sort(key=lambda one: one.kind == "new")  # differences that may lose values come first
    warnings = ["it has no rows"] if made.new and not made.record.rows else []
    warnings += [str(check) for check in made.checks if not check.passed]
    warnings += map(str, reported[:_NAMED])
    if len(reported) > _NAMED:
        warnings.append(f"and {len(reported) - _NAMED} more differences from the declaration")
    return "; ".join(warnings) or None

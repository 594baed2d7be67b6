"""Display: what a person sees. Talk goes to stderr, with progress bars on a terminal; data goes to stdout."""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from rich.box import SIMPLE
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from airnub_core import Kind, Outcome, Report
from airnub_prefect.department import PIPELINE

NAMED_OUTCOMES = 30
"""Items that the summary names besides the failures; `--json` has all."""

FEW = 100
"""Items of which nobody is told before all have ended, where there is no terminal; of more at every tenth."""

PIPED_WIDTH = 10_000
"""Columns of tables that no terminal limits: each row is one line, for `grep`."""

_COLOURS = {Kind.STORED: "green", Kind.UPDATED: "cyan", Kind.UNCHANGED: "dim", Kind.FAILED: "bold red"}

_talk = Console(stderr=True, highlight=False, soft_wrap=True)
_data = Console(highlight=False)
if not _data.is_terminal:
    _data.width = PIPED_WIDTH


def say(text: str) -> None:
    """Talk to the person, on stderr."""
    _talk.print(text, markup=False)


def say_error(text: str) -> None:
    """Say what went wrong, on stderr."""
    _talk.print(Text(text, style="red"))


def tell(text: str) -> None:
    """A line of results, on stdout."""
    _data.print(text, markup=False, soft_wrap=True)


@contextmanager
def prints_are_talk() -> Iterator[None]:
    """What flows, libraries and their child processes print goes to stderr: stdout is for the command's data alone."""
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stdout.flush()
        os.dup2(stdout, 1)
        os.close(stdout)


@dataclass(frozen=True, slots=True)
class Concluded:
    """A stage that has ended."""

    report: Report
    failure: str | None
    """Why it failed, `None` where it completed."""
    seconds: float
    """Since the stage before it ended, or the display was made."""


class Display:
    """Hears of items while a flow runs (`airnub_prefect.progress.Listener`), and shows how far it is."""

    def __init__(self) -> None:
        self.counts: Counter[Kind] = Counter()
        self.stages: dict[str, Concluded] = {}
        """Those that have ended, in their order."""
        self._since = time.monotonic()
        self._bars = Progress(
            TextColumn("{task.description}", justify="right"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=_talk,
            transient=True,
            disable=not _talk.is_terminal,
        )
        self._batches: dict[str, TaskID] = {}
        self._ended: Counter[str] = Counter()
        self._expected: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def expect(self, batch: str, items: int) -> None:
        """So many more items of a batch are to come."""
        self._expected[batch] += items
        if batch not in self._batches:
            self._batches[batch] = self._bars.add_task(batch, total=0)
        self._bars.update(self._batches[batch], total=self._expected[batch])

    def outcome(self, batch: str, outcome: Outcome) -> None:
        """One item has ended."""
        self.counts[outcome.kind] += 1
        self._ended[batch] += 1
        if batch in self._batches:
            self._bars.advance(self._batches[batch])
        if outcome.kind is Kind.FAILED:
            say_error(f"failed: {outcome.source}: {outcome.error}")
        ended, expected = self._ended[batch], self._expected[batch]
        if not _talk.is_terminal and (ended == expected or ended % max(expected // 10, FEW) == 0):
            say(f"{batch}: {ended:,} of {expected:,} items have ended")

    def concluded(self, stage: str, report: Report, failure: str | None) -> None:
        """A stage has ended."""
        now = time.monotonic()
        self.stages[stage] = Concluded(report, failure, now - self._since)
        self._since = now


def stage_document(stage: str, report: Report, *, failure: str | None, seconds: float) -> dict[str, Any]:
    """The document that `run STAGE --json` prints; its format is fixed."""
    return {
        "stage": stage,
        "state": "completed" if failure is None else "failed",
        "counts": report.counts,
        "seconds": round(seconds, 3),
        "bytes": report.new_bytes,
        "items": [outcome.as_json() for outcome in report.outcomes],
        "failure": failure,
    }


def pipeline_document(stages: Mapping[str, Concluded], *, failure: str | None, seconds: float) -> dict[str, Any]:
    """The document that `run pipeline --json` prints; its format is fixed.

    Args:
        stages: that have ended, in their order. Those after a stage that failed were not started, and have no document.
        failure: why the pipeline failed, `None` where it completed.
        seconds: that all of it took.
    """
    every = Report([outcome for one in stages.values() for outcome in one.report.outcomes])
    return {
        "stage": PIPELINE,
        "state": "completed" if failure is None else "failed",
        "counts": every.counts,
        "seconds": round(seconds, 3),
        "stages": [
            stage_document(stage, one.report, failure=one.failure, seconds=one.seconds) for stage, one in stages.items()
        ],
        "failure": failure,
    }


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    print(json.dumps(document, indent=2, ensure_ascii=False))  # noqa: T201  # data


def print_report(stage: str, report: Report, seconds: float | None = None) -> None:
    """The summary table of a stage."""
    took = "" if seconds is None else f" in {seconds:.1f} s"
    # Not as the title of the table, which is broken where the table ends.
    tell(f"{stage}: {count_line(report)}{took}")
    table = Table(box=SIMPLE)
    with_rows = any(outcome.rows is not None for outcome in report.outcomes)
    for name in ("outcome", "source", "file"):
        table.add_column(name, overflow="fold")
    for name in ("size", *(("rows", "quarantined") if with_rows else ())):
        table.add_column(name, justify="right")
    others = [outcome for outcome in report.outcomes if outcome.kind is not Kind.FAILED]
    for outcome in (*report.failed, *others[:NAMED_OUTCOMES]):
        cells = [
            outcome.source,
            outcome.path.rpartition("/")[2] if outcome.path else outcome.url or "",
            "" if outcome.size is None else decimal(outcome.size),
        ]
        if with_rows:
            cells += ["" if number is None else f"{number:,}" for number in (outcome.rows, outcome.quarantined)]
        table.add_row(Text(outcome.kind.value, style=_COLOURS[outcome.kind]), *map(Text, cells))
    _data.print(table)
    if len(others) > NAMED_OUTCOMES:
        _data.print(f"and {len(others) - NAMED_OUTCOMES:,} more; --json has all")


def count_line(report: Report) -> str:
    """`3 stored, 2 unchanged`: the counts that are not 0."""
    counted = ", ".join(f"{count:,} {kind}" for kind, count in report.counts.items() if count)
    return counted or "no items"


def print_rows(rows: Sequence[Mapping[str, Any]], columns: list[str]) -> None:
    """A table of plain values; lines are not cut when they are piped."""
    table = Table(box=SIMPLE)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(row[name])) for name in columns))
    _data.print(table)

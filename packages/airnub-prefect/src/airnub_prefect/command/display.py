"""Terminal output: messages and progress bars on stderr, data on stdout."""

import json
import os
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from rich.box import SIMPLE
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from airnub_core import Outcome, Report, Status
from airnub_prefect.errors import NAMED_FAILURES

NAMED_OUTCOMES = 30
"""Maximum number of items other than failures in the summary; `--json` has all."""

FEW = 100
"""Minimum number of items between two progress lines without a terminal; larger batches have one at every tenth."""

SHORT_DIGEST = 12
"""Hexadecimal digits of a printed digest, enough to distinguish the objects of any store."""

LONGEST_REASON = 600
"""Maximum characters of a failure's reason; `--json` and the run's table of items in Prefect have all of it."""

WIDEST = 100
"""Maximum width of wrapped text."""

_COLOURS = {
    Status.STORED: "green",
    Status.UPDATED: "cyan",
    Status.UNCHANGED: "dim",
    Status.FAILED: "bold red",
    Status.GONE: "yellow",
    Status.SKIPPED: "yellow",
}

_stderr = Console(stderr=True, highlight=False, soft_wrap=True)
_stdout = Console(highlight=False)


def echo_err(text: str) -> None:
    """Print a message to stderr."""
    _stderr.print(text, markup=False)


def echo_error(text: str) -> None:
    """Print an error to stderr, in red."""
    _stderr.print(Text(text, style="red"))


def echo(text: str) -> None:
    """Print a line of results to stdout."""
    _stdout.print(text, markup=False, soft_wrap=True)


def echo_wrapped(text: str, indent: str = "") -> None:
    """Print a paragraph of results to stdout, wrapped between words."""
    width = min(_stdout.width, WIDEST) if _stdout.is_terminal else WIDEST
    echo(textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False))


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Redirect the stdout of flows, libraries and child processes to stderr: stdout has only the command's results."""
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


class _Bars(Progress):
    """Progress bars, and below them the reason of the latest failure, which a long run shows before its report."""

    latest = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        if self.latest:
            yield Text(self.latest, style="red", no_wrap=True, overflow="ellipsis")


@dataclass(frozen=True, slots=True)
class FinishedStage:
    """A stage that has ended."""

    report: Report
    failure: str | None
    """The reason if it failed, `None` if it completed."""
    seconds: float
    """Since the previous stage ended, or the display was created."""


class Display:
    """Shows the progress of a flow (a `airnub_prefect.progress.Listener`).

    Each failure is printed once: in the report of its stage, or at the end of the display if no report has it.
    """

    def __init__(self) -> None:
        self.counts: Counter[Status] = Counter()
        self.stages: dict[str, FinishedStage] = {}
        """Finished stages, in their order."""
        self._since = time.monotonic()
        self._bars = _Bars(
            TextColumn("{task.description}", justify="right"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[failed]}", style="red"),
            console=_stderr,
            transient=True,
            disable=not _stderr.is_terminal,
        )
        self._batches: dict[str, TaskID] = {}
        self._ended: Counter[str] = Counter()
        self._expected: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._unreported: list[Outcome] = []

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()
        for outcome in self._unreported[:NAMED_FAILURES]:
            echo_error(f"failed: {outcome.source}: {outcome.error}")
        if len(self._unreported) > NAMED_FAILURES:
            echo_error(f"and {len(self._unreported) - NAMED_FAILURES:,} more failed")

    def expect(self, batch: str, items: int) -> None:
        """Add to the expected items of a batch."""
        self._expected[batch] += items
        if batch not in self._batches:
            self._batches[batch] = self._bars.add_task(batch, total=0, failed="")
        self._bars.update(self._batches[batch], total=self._expected[batch])

    def outcome(self, batch: str, outcome: Outcome) -> None:
        """Count the outcome of an item, and show it."""
        self.counts[outcome.kind] += 1
        self._ended[batch] += 1
        if batch in self._batches:
            self._bars.advance(self._batches[batch])
        if outcome.kind is Status.FAILED:
            self._fail(batch, outcome)
        ended, expected = self._ended[batch], self._expected[batch]
        if not _stderr.is_terminal and (ended == expected or ended % max(expected // 10, FEW) == 0):
            failed = f", {self._failed[batch]:,} failed" if self._failed[batch] else ""
            echo_err(f"{batch}: {ended:,} of {expected:,} items have ended{failed}")

    def reported(self, report: Report) -> None:
        """Leave the failures of a report to its table."""
        named = {(outcome.source, outcome.url) for outcome in report.failed}
        self._unreported = [one for one in self._unreported if (one.source, one.url) not in named]

    def _fail(self, batch: str, outcome: Outcome) -> None:
        self._failed[batch] += 1
        self._unreported.append(outcome)
        if batch in self._batches:
            self._bars.latest = f"failed: {outcome.source}: {_reason(outcome)}"
            self._bars.update(self._batches[batch], failed=f"{self._failed[batch]:,} failed")

    def stage_finished(self, stage: str, report: Report, failure: str | None) -> None:
        """Record the report of a stage."""
        now = time.monotonic()
        self.stages[stage] = FinishedStage(report, failure, now - self._since)
        self._since = now


def print_json(document: Any) -> None:
    """Print one JSON document to stdout."""
    print(json.dumps(document, indent=2, ensure_ascii=False))  # noqa: T201  # result of the command


def print_report(stage: str, report: Report, seconds: float | None = None) -> None:
    """Print the summary and the table of a stage."""
    took = "" if seconds is None else f" in {seconds:.1f} s"
    # Not as the title of the table, which is wrapped at the width of the table.
    echo(f"{stage}: {count_line(report)}{took}")
    with_rows = any(outcome.rows is not None for outcome in report.outcomes)
    numbers = ("size", *(("rows", "superseded", "quarantined") if with_rows else ()))
    others = [outcome for outcome in report.outcomes if outcome.kind is not Status.FAILED]
    rows = [_cells(outcome, with_rows=with_rows) for outcome in (*report.failed, *others[:NAMED_OUTCOMES])]
    if _stdout.is_terminal:
        # Below the name of the item: a column would be narrow, and empty for items without an error.
        for cells in rows:
            if error := cells.pop():
                cells[2] = Text.assemble(cells[2], "\n", error)
    _print_table(["outcome", "source", "file", *numbers, *(() if _stdout.is_terminal else ("error",))], rows, numbers)
    if len(others) > NAMED_OUTCOMES:
        echo(f"and {len(others) - NAMED_OUTCOMES:,} more; --json has all")
    for outcome in report.outcomes:
        if outcome.warning is not None:
            echo(f"warning: {outcome.source}: {outcome.warning}")


def count_line(report: Report) -> str:
    """`3 stored, 2 unchanged`: the counts that are not 0."""
    counted = ", ".join(f"{count:,} {kind}" for kind, count in report.counts.items() if count)
    return counted or "no items"


def time_text(at: str) -> str:
    """A time in ISO format as `2026-11-28 10:15:02`, without the offset."""
    return at[:19].replace("T", " ")


def print_rows(rows: Sequence[Mapping[str, Any]], columns: list[str]) -> None:
    """Print a table of plain values; lines are not cut if stdout is not a terminal."""
    _print_table(columns, [[Text(str(row[name])) for name in columns] for row in rows])


def _cells(outcome: Outcome, *, with_rows: bool) -> list[Text]:
    """Cells of one item; the last one is the reason of a failure."""
    cells = [
        outcome.source,
        outcome.path.rpartition("/")[2] if outcome.path else outcome.url or "",
        "" if outcome.size is None else decimal(outcome.size),
    ]
    if with_rows:
        counts = (outcome.rows, outcome.superseded, outcome.quarantined)
        cells += ["" if number is None else f"{number:,}" for number in counts]
    colour = _COLOURS[outcome.kind]
    return [Text(outcome.kind.value, style=colour), *map(Text, cells), Text(_reason(outcome), style="red")]


def _reason(outcome: Outcome) -> str:
    """The reason of an item's failure, on one line and without the name of the item."""
    text = "" if outcome.error is None else " ".join(str(outcome.error).split())
    for name in (outcome.url, outcome.source):
        text = text.removeprefix(f"{name}: ")
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[Text]], right: Collection[str] = ()) -> None:
    """Print a table as wide as the terminal; without a terminal, one line per row for `grep`."""
    if _stdout.is_terminal:
        table = Table(box=SIMPLE)
        for name in columns:
            table.add_column(name, overflow="fold", justify="right" if name in right else "left")
        for row in rows:
            table.add_row(*row)
        _stdout.print(table)
        return
    lines = [list(columns), *([cell.plain for cell in row] for row in rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = []
        for name, cell, width in zip(columns, line, widths, strict=True):
            space = " " * (width - cell_len(cell))
            padded.append(f"{space}{cell}" if name in right else f"{cell}{space}")
        echo("   ".join(padded).rstrip())

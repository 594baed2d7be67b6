"""Messages, progress bars and tables of the department command."""

import io
import subprocess
import sys

import pytest
from rich.console import Console

from airnub_core import Outcome, Report, Status
from airnub_core.errors import DatasetError, HttpStatusError
from airnub_prefect.command import display as display_module
from airnub_prefect.command.display import (
    LONGEST_REASON,
    NAMED_OUTCOMES,
    Display,
    count_line,
    print_report,
    print_rows,
    stdout_to_stderr,
)

FAILED = Outcome("b", Status.FAILED, url="https://b/x[1].csv", error=HttpStatusError("https://me:hunter2@b/x", 404))


def stored(number):
    """An item that was stored."""
    return Outcome("a", Status.STORED, path=f"a/ab/abcd/{number}[bold].csv", size=2048)


def test_the_summary_names_failures_first(capsys):
    """All failures and the first of the others are named; brackets in names are no markup."""
    report = Report([*map(stored, range(NAMED_OUTCOMES + 5)), FAILED])
    print_report("ingestion", report, seconds=1.25)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "ingestion: 35 stored, 1 failed in 1.2 s"
    named = [line.split() for line in lines if "csv" in line]
    assert named[0][:3] == ["failed", "b", "https://b/x[1].csv"]
    assert named[1] == ["stored", "a", "0[bold].csv", "2.0", "kB"]
    assert len(named) == NAMED_OUTCOMES + 1
    assert lines[-1] == "and 5 more; --json has all"


def test_the_reason_of_a_failure_in_a_pipe(capsys):
    """The reason is at the end of its line; no line has trailing spaces."""
    print_report("ingestion", Report([FAILED, stored(1)]))
    _, header, failed, other = capsys.readouterr().out.splitlines()
    assert header.split() == ["outcome", "source", "file", "size", "error"]
    assert failed.endswith("   https://***@b/x: expected status 200, found 404 Not Found")
    assert other == other.rstrip()
    assert other.split() == ["stored", "a", "1[bold].csv", "2.0", "kB"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_reason_of_a_failure_on_a_terminal(monkeypatch, width):
    """The reason is wrapped below the name of the item; no line is wider than the terminal."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    monkeypatch.setattr(display_module, "_stdout", terminal)
    url = f"https://b/{'long_' * 20}.csv"
    print_report(
        "ingestion", Report([Outcome("b", Status.FAILED, url=url, error=HttpStatusError(url, 404)), stored(1)])
    )
    lines = terminal.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    text = "".join("".join(lines).split())
    assert text.count("expectedstatus200,found404NotFound") == 1
    assert text.count("https://b/") == 1


def test_the_reason_of_a_failure_is_short(capsys):
    """It is on one line, without the name of the item; the report of the run has all of it."""
    error = DatasetError("d", "expected a folder,\n  found: " + "x" * 1000)
    print_report("processing", Report([Outcome("d", Status.FAILED, error=error)]))
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("failed")]
    reason = line.removeprefix("failed").strip().removeprefix("d").strip()
    assert reason.startswith("expected a folder, found: xxx")
    assert reason.endswith("x…")
    assert len(reason) == LONGEST_REASON


def test_the_summary_of_datasets(capsys):
    """Rows, superseded rows and quarantined rows have columns where there are datasets."""
    print_report(
        "processing", Report([Outcome("d", Status.UPDATED, path="d", rows=12345, superseded=3, quarantined=2)])
    )
    counted, header, row = capsys.readouterr().out.splitlines()
    assert counted == "processing: 1 updated"
    assert header.split()[-4:] == ["rows", "superseded", "quarantined", "error"]
    assert row.split()[-3:] == ["12,345", "3", "2"]


def test_counts():
    """Counts of 0 are left out."""
    assert count_line(Report()) == "no items"
    assert count_line(Report([FAILED, stored(1)])) == "1 stored, 1 failed"


def test_rows_are_lines(capsys):
    """In a pipe, each row is one line of any length."""
    print_rows([{"a": "x" * 3000, "b": "[red]y\\"}], ["a", "b"])
    [line] = [line for line in capsys.readouterr().out.splitlines() if "y" in line]
    assert line.split() == ["x" * 3000, "[red]y\\"]


def test_progress_in_a_pipe(capsys):
    """The end of each batch, with how many failed; failures that no report names are named once, at the end."""
    with Display() as display:
        display.expect("files", 2)
        display.outcome("files", stored(1))
        display.outcome("files", FAILED)
        display.expect("pages", 1)
        display.outcome("pages", stored(1))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "files: 2 of 2 items have ended, 1 failed",
        "pages: 1 of 1 items have ended",
        "failed: b: https://***@b/x: expected status 200, found 404 Not Found",
    ]
    assert display.counts == {Status.STORED: 2, Status.FAILED: 1}


def test_failures_that_a_report_names_are_not_named_twice(capsys):
    """A report takes over its own failures, and no other ones."""
    other = Outcome("c", Status.FAILED, url="https://c/", error=HttpStatusError("https://c/", 503))
    with Display() as display:
        for outcome in (FAILED, other):
            display.outcome("files", outcome)
        display.reported(Report([FAILED]))
    err = capsys.readouterr().err
    assert "https://***@b/x" not in err
    assert err.count("failed: c: https://c/: expected status 200, found 503 Service Unavailable") == 1


def test_many_failures_without_a_report(capsys):
    """The first are named, the others counted."""
    with Display() as display:
        for number in range(23):
            display.outcome("files", Outcome("s", Status.FAILED, error=HttpStatusError(f"https://s/{number}", 404)))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 3 more failed"


def test_the_latest_failure_on_a_terminal(monkeypatch):
    """The reason is on one line below the bars."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(display_module, "_stderr", terminal)
    with Display() as display:
        display.expect("files", 2)
        display.outcome("files", FAILED)
        drawn = Console(file=io.StringIO(), width=80)
        drawn.print(display._bars.get_renderable())
        display.reported(Report([FAILED]))
    first, *_, last = drawn.file.getvalue().splitlines()
    assert "1/2" in first
    assert "1 failed" in first
    assert last.startswith("failed: b: https://***@b/x: expected status 200, found 404")


def test_progress_of_many_in_a_pipe(capsys):
    """A large batch has a progress line at every tenth."""
    with Display() as display:
        display.expect("files", 2000)
        for number in range(2000):
            display.outcome("files", stored(number))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[0] == "files: 200 of 2,000 items have ended"


def test_outcomes_of_a_batch_that_was_not_expected():
    """They are counted all the same."""
    with Display() as display:
        display.outcome("files", stored(1))
    assert display.counts == {Status.STORED: 1}


def test_stdout_to_stderr():
    """In the block, stdout is stderr, also for child processes; afterwards it is restored."""
    code = (
        "import os, sys\n"
        "from airnub_prefect.command.display import stdout_to_stderr\n"
        "print('before')\n"
        "with stdout_to_stderr():\n"
        "    print('inside'); os.system('echo child'); os.write(1, b'raw\\n')\n"
        "print('after')\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "before\nafter\n"
    assert sorted(answer.stderr.split()) == ["child", "inside", "raw"]


def test_stdout_is_restored_after_an_error(capsys):
    """An error in the block is passed on."""
    with pytest.raises(ZeroDivisionError), stdout_to_stderr():
        raise ZeroDivisionError
    print("after")  # noqa: T201  # to see where it goes
    assert capsys.readouterr().out == "after\n"

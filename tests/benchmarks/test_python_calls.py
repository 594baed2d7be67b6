"""The Python calls of the ingestion engine."""

import re

import pytest

from benchmarks import python_calls


def test_calls_are_counted(capsys):
    """For one file, and for each of many; functions are named where that is asked for."""
    python_calls.main(["--rounds", "1", "--few", "2", "--many", "4", "--functions"])
    printed = capsys.readouterr().out
    counts = re.findall(r"^(one file|each of many) +([0-9]+) Python calls, goal [0-9]+$", printed, re.MULTILINE)
    assert [what for what, _ in counts] == ["one file", "each of many"]
    assert all(int(calls) > 0 for _, calls in counts)
    assert "engine.Engine.ingest" in printed


def test_help_says_what_is_counted(capsys):
    """And ends."""
    with pytest.raises(SystemExit, match="0"):
        python_calls.main(["--help"])
    assert "Python calls of the ingestion engine" in capsys.readouterr().out

"""The command."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from project_alpha.data_science.__main__ import main


@pytest.fixture
def run(datasets, tmp_path):
    """Run the command on the sample's datasets folder, with other options where given."""

    def invoked(*options):
        given = ["--datasets", str(datasets.root), "--output", str(tmp_path / "reports"), *options]
        return CliRunner().invoke(main, given, catch_exceptions=False)

    return invoked


def test_run_writes_everything_and_says_where(run, tmp_path):
    """Four files, each named on stdout below a line per score."""
    result = run()
    assert result.exit_code == 0
    written = sorted((tmp_path / "reports").iterdir())
    assert [path.name for path in written] == ["brier_scores.png", "reliability.png", "report.md", "scores.json"]
    for path in written:
        assert f"  {path}\n" in result.stdout
    assert result.stdout.count("Logistic regression") == 2
    assert result.stderr == ""


def test_second_run_writes_the_same_bytes(run, tmp_path):
    """The same dataset gives the same scores.json, whatever was there before."""
    run()
    path = tmp_path / "reports" / "scores.json"
    first = path.read_bytes()
    path.write_text("something else")
    run()
    assert path.read_bytes() == first
    assert len(json.loads(first)["scores"]) == 6


def test_absent_dataset_is_status_2_without_a_trace(run, tmp_path):
    """One paragraph on stderr says what is expected where, and what to do; nothing is written."""
    result = run("--datasets", str(tmp_path / "nowhere"))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: noaa_daily_weather: expected a dataset in ")
    for part in (str(tmp_path / "nowhere"), "run the processing first", "--datasets", "uv run project-alpha demo"):
        assert part in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "reports").exists()


def test_missing_extra_is_status_2(run, monkeypatch):
    """Without scikit-learn the message names the extra."""
    monkeypatch.setitem(sys.modules, "sklearn", None)
    result = run()
    assert result.exit_code == 2
    assert "--extra science" in result.stderr


def test_unwritable_output_is_status_1(run, tmp_path):
    """A file where the folder should be created is named, without a trace."""
    (tmp_path / "file").touch()
    result = run("--output", str(tmp_path / "file" / "below"))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: expected to write results to {tmp_path / 'file' / 'below'}")


def test_help_has_an_example(run):
    """--help shows defaults and a command to copy."""
    result = run("--help")
    assert result.exit_code == 0
    for part in ("datasets/project_alpha", "reports/project_alpha/data_science", "uv run project-alpha demo\n"):
        assert part in result.stdout


def test_module_runs_without_prefect_pyplot_or_flows(tmp_path):
    """`python -m` works, and loads neither Prefect, nor the flows, nor pyplot; scikit-learn only when it fits."""
    command = [sys.executable, "-X", "importtime", "-m", "project_alpha.data_science", "--datasets", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "project_alpha.data_science.plots" in loaded
    assert not loaded & {"prefect", "project_alpha.flows", "matplotlib.pyplot", "sklearn"}
    assert list(tmp_path.iterdir()) == []

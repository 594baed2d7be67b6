"""The command `project-alpha`, in a separate process."""

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.system
@pytest.mark.parametrize("arguments", [["--help"], ["list", "--json"]])
def test_the_command_answers(arguments):
    """`python -m project_alpha` is the command; help has an example, lists are JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "project_alpha", *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    if "--json" in arguments:
        assert "ingestion" in json.dumps(json.loads(done.stdout))
    else:
        assert "project" in done.stdout


def test_the_demo_counts_the_correction_and_the_row_that_breaks_a_rule(prefect_api, data_root):
    """The summary has both, as in SOURCES.md; the findings are those of the data without them."""
    command = [sys.executable, "-m", "project_alpha", "demo"]
    environment = os.environ | {"PREFECT_API_URL": prefect_api}
    done = subprocess.run(command, env=environment, cwd=data_root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    processing = done.stdout.partition("processing: 3 stored\n")[2].splitlines()
    header, weather = (line.split() for line in processing[:2])
    assert header[-4:-1] == ["rows", "superseded", "quarantined"]
    assert (weather[1], weather[-3:]) == ("noaa_daily_weather", ["2,922", "1", "1"])
    [found] = [line for line in done.stdout.splitlines() if line.startswith("  found ")]
    assert "It rains on 40% more days in Seattle" in found

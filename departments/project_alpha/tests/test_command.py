"""The command `project-alpha`, in a process of its own."""

import json
import subprocess
import sys

import pytest


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

"""The house as a whole: nothing that `airnub check` tells, and nothing that belongs to one machine."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_everything_is_as_it_should_be():
    """What `airnub check` finds: nothing. Whether the lock fits is for `.ci/run` alone, since uv may ask a registry."""
    code = (
        "import sys; from pathlib import Path; from airnub_cli.check import everything\n"
        "everything.check_lock = lambda root: ()\n"
        "print(*everything.check_everything(Path.cwd()), sep='\\n', end='')"
    )
    # In a process of its own: it imports every department, and is not to see what other tests have imported.
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0), done.stderr


def test_the_repository_names_no_place_outside_of_it():
    """No file but the lock names a package registry or a folder of somebody's machine."""
    # Written so that this line is not one of them.
    forbidden = r"(pypi\.or[g]|pythonhosted\.or[g]|(^|[^A-Za-z0-9_.])/(root|home|Users)[/])"
    command = ["git", "grep", "-nIE", forbidden, "--", ".", ":!uv.lock"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode == 128:
        pytest.skip("not a git checkout")
    # The home of the user in our images is a place of ours.
    lines = [line for line in found.stdout.splitlines() if re.search(forbidden, line.replace("/home/airnub", ""))]
    assert lines == []

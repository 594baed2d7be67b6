"""Reliability: kills, power losses, full disks, many processes, and a long run of faults, each really done.

By default each test does enough to notice a mistake, in seconds. How much is done is for the environment to say:

    AIRNUB_KILLS=200           runs that are killed, in all (default 12)
    AIRNUB_POWER_LOSSES=200    states of the disk that are looked at, per file system (default 6)
    AIRNUB_SOAK_SECONDS=60     length of the run of faults (default 8)

`uv run --all-packages pytest -m slow packages/airnub-core/tests/reliability` runs those that listen to these.
What needs rights that this machine does not give (mounting, FUSE, loop devices), or programs (mkfs.xfs,
mkfs.btrfs), is skipped, and says so.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Folders of tests are no packages (import mode "importlib"): what the modules here share is found by its own name.
sys.path.insert(0, str(Path(__file__).parent))

# Sessions, open files and memory are read from /proc.
collect_ignore_glob = [] if sys.platform == "linux" else ["test_*.py"]


@pytest.fixture
def mounted(tmp_path):
    """Mount a file system, on a new folder that is returned; it is unmounted when the test is over."""
    places = []

    def mount(*arguments):
        if os.geteuid() != 0:
            pytest.skip("mounting needs root")
        place = tmp_path / f"mounted-{len(places)}"
        place.mkdir()
        answer = subprocess.run(
            ["mount", *map(str, arguments), str(place)], capture_output=True, text=True, check=False
        )
        if answer.returncode != 0:
            pytest.skip(f"mounting is not allowed here: {answer.stderr.strip()}")
        places.append(place)
        return place

    yield mount
    for place in reversed(places):
        subprocess.run(["umount", str(place)], check=True)

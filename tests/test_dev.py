"""The whole system on a laptop, without Docker, as a person has it: started, used, edited, ended by one Ctrl-C."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[1]
PATIENCE = 180
"""Seconds for what takes ten on a quiet machine."""


class Dev:
    """`airnub dev` in a checkout, on free ports, with its state in a folder of the test."""

    def __init__(self, root, state, *options):
        command = [sys.executable, "-m", "airnub_cli", "dev", "--port", "0", "--state", str(state), *options]
        # The environment's own packages are those of this repository: the copy's come before them.
        sources = os.pathsep.join(map(str, sorted(root.glob("*/*/src"))))
        self.process = subprocess.Popen(
            command,
            cwd=root,
            env=os.environ | {"PYTHONPATH": sources},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with self.process.stdout as said:
            self.lines.extend(said)

    def wait_for(self, pattern, after=0):
        """The first match in what it says, from a line on."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            for line in self.lines[after:]:
                if match := re.search(pattern, line):
                    return match
            assert self.process.poll() is None, "".join(self.lines)
            time.sleep(0.05)
        raise AssertionError(f"expected {pattern} within {PATIENCE} s, found {''.join(self.lines)}")

    def end(self):
        """Ctrl-C, once; its exit status."""
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status


def copy_of(root, to):
    """A checkout of what is in the folder now, without what it does not need."""
    unneeded = shutil.ignore_patterns("__pycache__", "tests", "node_modules", ".*")
    for name in ("packages", "departments", "configs", "infra"):
        shutil.copytree(root / name, to / name, ignore=unneeded)
    for name in ("pyproject.toml", "uv.lock", "prefect.yaml"):
        shutil.copy(root / name, to)
    return to


def read(url):
    """The JSON that the API has there."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def edit(path, old, new):
    """Change a file as an editor does."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def with_state(state):
    """Processes whose command or environment names the folder of the state."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            said = (place / "cmdline").read_bytes() + (place / "environ").read_bytes()
        except OSError:
            continue
        if str(state).encode() in said and int(place.name) != os.getpid():
            found.append(place.name)
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="what is left is looked for in /proc")
def test_everything_is_there_after_one_command_and_gone_after_one_key(tmp_path):
    """A stage runs; edits are deployed; a mistake is told and mended; nothing is left but what the run has made."""
    root, state = copy_of(ROOT, tmp_path / "checkout"), tmp_path / "state"
    dev = Dev(root, state, "--sample", "--site-port", "0")
    try:
        api = dev.wait_for(r"ready in .*(http://127\.0\.0\.1:\d+)").group(1) + "/api"
        deployment = "project-alpha-ingestion/project-alpha-ingestion"
        run = [sys.executable, "-m", "prefect", "deployment", "run", deployment, "--watch"]
        told = subprocess.run(
            run,
            env=os.environ | {"PREFECT_API_URL": api},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert told.returncode == 0, told.stdout + told.stderr + "".join(dev.lines)
        dev.wait_for("sources: replaced by the environment sample for project_alpha")
        assert "sources:sample" in read(f"{api}/deployments/name/{deployment}")["tags"]

        said = len(dev.lines)
        edit(
            root / "departments/project_alpha/prefect.yaml",
            "Weather of NOAA",
            "All that project_alpha's",
        )
        dev.wait_for(r"4 deployments deployed", said)
        assert read(f"{api}/deployments/name/{deployment}")["description"].startswith("All that project_alpha's")

        said = len(dev.lines)
        edit(root / "configs/variables/project_alpha/ingestion.yaml", "max_bytes: 200MiB", "max_bytes: 100MiB")
        dev.wait_for(r"1 objects applied, deployments are as they were", said)
        value = read(f"{api}/variables/name/dept_project_alpha_ingestion_config")["value"]
        assert value["network"]["max_bytes"] == "100MiB"

        said = len(dev.lines)
        edit(root / "configs/variables/project_alpha/ingestion.yaml", "max_bytes: 100MiB", "max_byte: 100MiB")
        dev.wait_for(r"ingestion\.yaml:\d+.*max_byte", said)
        dev.wait_for(r"not deployed", said)
        edit(root / "configs/variables/project_alpha/ingestion.yaml", "max_byte: 100MiB", "max_bytes: 100MiB")
        dev.wait_for(r"0 objects applied", said)
    finally:
        status = dev.end()
    assert status == 0, "".join(dev.lines)
    assert with_state(state) == []
    assert not (state / "tmp").exists()
    assert list(state.rglob("*.manifest.json"))


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="what is left is looked for in /proc")
def test_nothing_is_left_when_it_is_killed_and_the_next_one_starts(tmp_path):
    """Killed (-9), it can end nothing itself; the same state serves the next one. Sources are the departments' own."""
    state = tmp_path / "state"
    killed = Dev(ROOT, state)
    killed.wait_for(r"ready in")
    killed.process.kill()
    killed.process.wait(PATIENCE)
    until = time.monotonic() + PATIENCE
    while (left := with_state(state)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []
    again = Dev(ROOT, state)
    api = again.wait_for(r"ready in .*(http://127\.0\.0\.1:\d+)").group(1) + "/api"
    value = read(f"{api}/variables/name/dept_project_alpha_ingestion_config")["value"]
    assert value["scheduled_file_downloads"][0]["urls"][0].startswith("https://")
    assert again.end() == 0
    assert "sources: each department's own" in "".join(again.lines)
    assert with_state(state) == []

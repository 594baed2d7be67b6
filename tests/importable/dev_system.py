"""`airnub dev` as a process, in a checkout that a test may change, and its API."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 180
"""Seconds for what takes ten on a quiet machine."""
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


class Dev:
    """`airnub dev` in a checkout, on free ports, with its state in a folder of the test."""

    def __init__(self, root, state, *options):
        command = [sys.executable, "-m", "airnub_cli", "dev", "--port", "0", "--state", str(state), *options]
        # The environment has this repository's packages installed; the copy's sources precede them.
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
        """The first match in its output, from a line on."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            for line in self.lines[after:]:
                if match := re.search(pattern, line):
                    return match
            assert self.process.poll() is None, "".join(self.lines)
            time.sleep(0.05)
        raise AssertionError(f"expected {pattern} within {PATIENCE} s, found {''.join(self.lines)}")

    def ready(self):
        """The URL of its API, once everything is deployed."""
        return self.wait_for(r"ready in .*(http://127\.0\.0\.1:\d+)").group(1) + "/api"

    def end(self):
        """Press Ctrl-C once; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status


@contextmanager
def enterable():
    """A folder that every user may enter: if the test is root, PostgreSQL runs as a different user."""
    folder = Path(tempfile.mkdtemp(prefix="airnub-dev-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def copy_of(root, to):
    """Copy the folder as a checkout, without files that it does not need."""
    unneeded = shutil.ignore_patterns("__pycache__", "tests", "node_modules", ".*")
    for name in ("packages", "departments", "configs", "infra"):
        shutil.copytree(root / name, to / name, ignore=unneeded)
    for name in ("pyproject.toml", "uv.lock", "prefect.yaml"):
        shutil.copy(root / name, to)
    return to


def read(url, asked=None):
    """The JSON that the API returns; `asked` is posted if it is given."""
    body = None if asked is None else json.dumps(asked).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def run_deployment(api, name):
    """Run a deployment to its end; returns the run. The API is used, since a command imports Prefect for seconds."""
    deployment = read(f"{api}/deployments/name/{name}")["id"]
    run = read(f"{api}/deployments/{deployment}/create_flow_run", {})["id"]
    until = time.monotonic() + 2 * PATIENCE
    while (found := read(f"{api}/flow_runs/{run}"))["state_type"] not in ENDED:
        assert time.monotonic() < until, f"expected an ended run of {name}, found {found['state']}"
        time.sleep(0.5)
    return found


def edit(path, old, new):
    """Change a file as an editor does."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))

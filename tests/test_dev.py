"""The whole system on a laptop, without Docker, as a person has it: started, used, and ended by one Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PATIENCE = 180
"""Seconds for what takes ten on a quiet machine."""


class Dev:
    """`airnub dev` on free ports, with its state in a folder of the test."""

    def __init__(self, state):
        command = [sys.executable, "-m", "airnub_cli", "dev", "--port", "0", "--site-port", "0", "--state", str(state)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self.lines = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with self.process.stdout as said:
            self.lines.extend(said)

    def wait_for(self, pattern):
        """The first match in what it says."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            for line in list(self.lines):
                if match := re.search(pattern, line):
                    return match
            assert self.process.poll() is None, "".join(self.lines)
            time.sleep(0.1)
        raise AssertionError(f"expected {pattern} within {PATIENCE} s, found {''.join(self.lines)}")

    def end(self):
        """Ctrl-C, once; its exit status."""
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return status


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
    """Server, site and worker; every stage's deployment runs; then nothing is left but what the runs have made."""
    state = tmp_path / "state"
    dev = Dev(state)
    try:
        url = dev.wait_for(r"ready in .*(http://127\.0\.0\.1:\d+)").group(1)
        environment = os.environ | {"PREFECT_API_URL": f"{url}/api"}
        deployment = "project-alpha-ingestion/project-alpha-ingestion"
        run = [sys.executable, "-m", "prefect", "deployment", "run", deployment, "--watch"]
        told = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert told.returncode == 0, told.stdout + told.stderr + "".join(dev.lines)
    finally:
        status = dev.end()
    assert status == 0, "".join(dev.lines)
    assert with_state(state) == []
    assert list(state.rglob("*.manifest.json"))

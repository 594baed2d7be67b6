"""Runs: the driver as a child process, what it said so far, and ways to end it."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

DRIVER = Path(__file__).with_name("driver.py")
PATIENCE = 120
"""Seconds after which what should have ended by itself is taken to hang."""
_numbers = itertools.count()


@dataclass(frozen=True)
class Job:
    """What the driver is to do; times and sizes as in `NetworkSettings`."""

    root: str
    sources: Mapping[str, Sequence[str]]
    """URLs by name of the source; ROUND in one stands for a number that grows with every second round."""
    network: Mapping[str, object] = field(default_factory=dict)
    force: bool = False
    pause: bool = False
    """Open the store and close it, then wait for `Run.go_on`."""
    rounds: int = 1
    """Do it at least so often, in one process, and again until `seconds` have passed."""
    seconds: float = 0
    """Since the start."""
    open_files: int | None = None
    """The limit of open files."""
    tuned: Mapping[str, float] = field(default_factory=dict)
    """Numbers of the product that are other ones in this run, by module and name."""


LOGGED = {
    "airnub_core.store.objects:LEFT": 0,
    "airnub_core.store.write_ahead_log:SEGMENT": 100_000,
    "airnub_core.commit:_LONGEST_WAIT": 0.05,
}
"""Tuned so, a short run of small files does all that a long one does with redo logs, and mostly leaves them."""


class Run:
    """A driver that is running or has ended; use as a context manager, so that nothing of it is left."""

    def __init__(self, job: Job, folder: Path, prefix: Sequence[str] = (), on_event: Callable = lambda _event: None):
        """Start it, in a session of its own.

        Args:
            job: what it does.
            folder: where its job file and stderr go; outside the store.
            prefix: a command that runs the command behind it, such as `setpriv`.
            on_event: told each event, in a thread.
        """
        folder.mkdir(parents=True, exist_ok=True)
        number = next(_numbers)
        path = folder / f"job-{number}.json"
        network = {"allow_private_hosts": True, "connect_timeout": 10, "stall_timeout": 10} | dict(job.network)
        path.write_text(json.dumps(asdict(job) | {"network": network}))
        self.events = []
        self._on_event = on_event
        self._errors = folder / f"stderr-{number}.txt"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [*prefix, sys.executable, str(DRIVER), str(path)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
            )  # fmt: skip
        self._told = threading.Condition()
        self._over = False
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill_group()
        self._process.wait()
        self._process.stdin.close()
        self._listening.join(PATIENCE)
        self._process.stdout.close()

    @property
    def pid(self):
        """Of the driver; the number of its session as well."""
        return self._process.pid

    @property
    def stderr(self):
        """What it wrote there."""
        return self._errors.read_text(errors="replace")

    def wait_for(self, event, count=1):
        """Return when it has said `event` `count` times; fails when it ends or hangs before."""
        with self._told:
            self._told.wait_for(lambda: self._over or len(self.all(event)) >= count, timeout=PATIENCE)
            assert len(self.all(event)) >= count, f"expected the event {event}, found {self.events[-3:]}\n{self.stderr}"

    def go_on(self):
        """End the pause."""
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def all(self, event):
        """Everything it said of one kind."""
        return [one for one in self.events if one["event"] == event]

    def outcomes(self):
        """What it reported of each URL so far, by URL; fails where it reported one twice."""
        by_url = {one["url"]: one for one in self.all("outcome")}
        assert len(by_url) == len(self.all("outcome")), "an item has one outcome"
        return by_url

    def reported(self):
        """URLs that it called safe so far."""
        return {url for url, one in self.outcomes().items() if one["outcome"] != "failed"}

    def kill_group(self):
        """SIGKILL to everything it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def workers(self):
        """The processes that download for the driver, each in a session of its own."""
        command = ["pgrep", "-P", str(self.pid), "-f", "airnub_core.http.worker"]
        return [int(line) for line in subprocess.run(command, capture_output=True, check=False).stdout.split()]

    def kill_parent(self):
        """SIGKILL to the driver alone: whatever it started must notice by itself."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def end(self):
        """Wait until nothing of it is running any more; its exit status.

        Raises:
            AssertionError: it, or a process that it started, goes on.
        """
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE)
        left = self._left_after(PATIENCE / 4)
        assert not left, f"expected no process of the run any more, found {left}\n{self.stderr}"
        self._listening.join(PATIENCE)
        return self._process.returncode

    def succeed(self):
        """Wait for its end, which must be a good one; itself."""
        status = self.end()
        assert status == 0, (
            f"expected a run that ends well, found exit status {status}: {self.events[-1:]}\n{self.stderr}"
        )
        return self

    def _left_after(self, seconds):
        for _ in range(int(seconds / 0.05)):
            if not (left := processes_of(self.pid)):
                return []
            time.sleep(0.05)
        return left

    def _listen(self):
        for line in self._process.stdout:
            with self._told:
                # A line that a kill cut in two was not said.
                if line.endswith(b"\n"):
                    self.events.append(event := json.loads(line))
                    self._on_event(event)
                self._told.notify_all()
        with self._told:
            self._over = True
            self._told.notify_all()


def processes_of(session):
    """Living processes of a session, as `pid command`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _parent, _group, its_session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(its_session) == session and state not in "ZX":
                found.append(f"{folder.name} {(folder / 'cmdline').read_text()[:200]}")
    return found


def run_to_end(job: Job, folder: Path, prefix: Iterable[str] = ()):
    """A run from start to end, which must be a good one."""
    with Run(job, folder, list(prefix)) as run:
        return run.succeed()

"""Sampled anonymous memory of a process and all its children: the memory that it needs, without mapped files."""

import threading
import time
from pathlib import Path

from benchmarks.ingest.memory import family

_INTERVAL = 0.005
_FAMILY_EVERY = 0.1
"""Seconds between two searches for children; a search with each sample would take a third of a core."""


class Sampler:
    """The largest sampled sum; pass `watch` to `timing.run`."""

    def __init__(self) -> None:
        self.kib = 0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, process: int) -> None:
        """Sample a process until `stop`."""
        self._thread = threading.Thread(target=self._sample, args=(process,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and wait for the last sample."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _sample(self, process: int) -> None:
        processes, look_at = [process], 0.0
        while not self._ended.is_set():
            if (now := time.monotonic()) >= look_at:
                processes, look_at = family(process), now + _FAMILY_EVERY
            self.kib = max(self.kib, sum(map(_anonymous, processes)))
            time.sleep(_INTERVAL)


def _anonymous(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon:")), 0)

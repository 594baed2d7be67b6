"""Anonymous memory of a process and all its children, sampled: what a machine needs for it, without files it maps."""

import threading
import time
from pathlib import Path

from benchmarks.ingest.memory import family

_INTERVAL = 0.005


class Sampler:
    """The largest sum that was seen; `watch` is for `timing.run`."""

    def __init__(self) -> None:
        self.kib = 0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def watch(self, process: int) -> None:
        """Sample a process until `stop`."""
        self._thread = threading.Thread(target=self._sample, args=(process,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return when the last sample is taken."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _sample(self, process: int) -> None:
        while not self._ended.is_set():
            self.kib = max(self.kib, sum(map(_anonymous, family(process))))
            time.sleep(_INTERVAL)


def _anonymous(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon:")), 0)

"""Lanes: threads that do one thing after the other, for hashing and writing beside the transfers."""

import os
import threading
from collections.abc import Callable
from itertools import cycle
from queue import SimpleQueue
from typing import Any

MAX_LANES = 4
"""Of each kind; a disk is no faster for more."""


class Lane:
    """One thread. What is put in runs in order; it tells of its failures by itself."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def put(self, job: Callable[..., None], *arguments: Any) -> None:
        """Do this after all that was put before."""
        self._jobs.put((job, arguments))

    def close(self) -> None:
        """Return when all is done."""
        self._jobs.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (entry := self._jobs.get()) is not None:
            job, arguments = entry
            job(*arguments)


class Lanes:
    """Lanes for hashing and lanes for writing; each file keeps to one of each, so that its pieces stay in order."""

    def __init__(self) -> None:
        number = max(1, min(MAX_LANES, (os.cpu_count() or 1) // 2))
        self._hashing = [Lane(f"airnub-hash-{index}") for index in range(number)]
        self._writing = [Lane(f"airnub-write-{index}") for index in range(number)]
        self._turns = cycle(range(number))

    def next(self) -> tuple[Lane, Lane]:
        """A lane for hashing and one for writing, the next in turn."""
        turn = next(self._turns)
        return self._hashing[turn], self._writing[turn]

    def close(self) -> None:
        """Return when all is done; what is hashed is still to be written."""
        for lane in (*self._hashing, *self._writing):
            lane.close()

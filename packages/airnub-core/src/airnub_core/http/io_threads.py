"""I/O threads: single-thread executors that hash and write large files while transfers continue."""

import os
import threading
from collections import deque
from collections.abc import Callable
from itertools import chain
from queue import SimpleQueue
from typing import Any

MAX_THREADS = 4
"""Most threads for hashing, and most for writing; more do not make a disk faster."""


class SerialExecutor:
    """An executor with one thread, which runs jobs in order.

    Jobs report their own failures. An unexpected exception does not stop the following jobs; `close` raises the first.
    """

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]] | None] = SimpleQueue()
        self.error: Exception | None = None
        """The first exception of a job, which `close` raises."""
        self._name = name
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        """Started with the first job, since most runs have no large file."""

    def put(self, job: Callable[..., None], *arguments: Any) -> None:
        """Queue a job, which runs after all jobs queued before."""
        self._jobs.put((job, arguments))
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                    thread.start()
                    self._thread = thread

    def close(self) -> None:
        """Wait until all queued jobs have run.

        Raises:
            Exception: the first unexpected exception of a job.
        """
        self._jobs.put(None)
        if self._thread is not None:
            self._thread.join()
        if self.error is not None:
            raise self.error

    def _work(self) -> None:
        while (entry := self._jobs.get()) is not None:
            job, arguments = entry
            try:
                job(*arguments)
            except Exception as error:  # noqa: BLE001  # `close` raises it
                self.error = self.error or error


class IoThreads:
    """Threads for hashing and threads for writing; each file uses one of each, which keeps its chunks in order."""

    def __init__(self) -> None:
        self._most = max(1, min(MAX_THREADS, (os.cpu_count() or 1) // 2))
        self._pairs: deque[tuple[SerialExecutor, SerialExecutor]] = deque()
        """A thread for hashing and one for writing each; the last pair had the last turn."""

    def next(self) -> tuple[SerialExecutor, SerialExecutor]:
        """Return a thread for hashing and one for writing, round-robin."""
        number = len(self._pairs)
        if number < self._most:
            self._pairs.append((SerialExecutor(f"airnub-hash-{number}"), SerialExecutor(f"airnub-write-{number}")))
        else:
            self._pairs.rotate(-1)
        return self._pairs[-1]

    def close(self) -> None:
        """Wait until all queued jobs have run, those for hashing first, since they queue jobs for writing.

        Raises:
            Exception: the first unexpected exception of a job.
        """
        error: Exception | None = None
        for thread in chain.from_iterable(zip(*self._pairs, strict=True)):
            try:
                thread.close()
            except Exception as problem:  # noqa: BLE001  # the other threads must be closed too
                error = error or problem
        if error is not None:
            raise error

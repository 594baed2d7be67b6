"""I/O threads: single-thread executors that hash and write beside the transfers."""

import os
import threading
from collections.abc import Callable
from itertools import cycle
from queue import SimpleQueue
from typing import Any

MAX_THREADS = 4
"""Of each kind; more make no disk faster."""


class SerialExecutor:
    """One thread. What is put in runs in order; it tells of its failures by itself, and an unexpected one is raised at
    the end: the others do not wait for what never comes.
    """

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]] | None] = SimpleQueue()
        self._error: Exception | None = None
        self._name = name
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        """Started with the first job: most runs have no large file."""

    @property
    def has_failed(self) -> bool:
        """Whether a job has raised something; `close` raises it."""
        return self._error is not None

    def put(self, job: Callable[..., None], *arguments: Any) -> None:
        """Do this after all that was put before."""
        self._jobs.put((job, arguments))
        if self._thread is None:
            with self._starting:
                if self._thread is None:
                    thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                    thread.start()
                    self._thread = thread

    def close(self) -> None:
        """Return when all is done.

        Raises:
            Exception: the first that a job did not report.
        """
        self._jobs.put(None)
        if self._thread is not None:
            self._thread.join()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (entry := self._jobs.get()) is not None:
            job, arguments = entry
            try:
                job(*arguments)
            except Exception as error:  # noqa: BLE001  # it is raised at the end
                self._error = self._error or error


class IoThreads:
    """Threads for hashing and threads for writing; each file keeps to one of each, so that its pieces stay in order."""

    def __init__(self) -> None:
        number = max(1, min(MAX_THREADS, (os.cpu_count() or 1) // 2))
        self._hashing = [SerialExecutor(f"airnub-hash-{index}") for index in range(number)]
        self._writing = [SerialExecutor(f"airnub-write-{index}") for index in range(number)]
        self._turns = cycle(range(number))

    def next(self) -> tuple[SerialExecutor, SerialExecutor]:
        """A thread for hashing and one for writing, the next in turn."""
        turn = next(self._turns)
        return self._hashing[turn], self._writing[turn]

    def close(self) -> None:
        """Return when all is done; what is hashed is still to be written.

        Raises:
            Exception: the first that a job did not report.
        """
        error: Exception | None = None
        for thread in (*self._hashing, *self._writing):
            try:
                thread.close()
            except Exception as problem:  # noqa: BLE001  # the others are closed too
                error = error or problem
        if error is not None:
            raise error

"""I/O threads: single-thread executors that hash and write large files while transfers continue."""

import os
import threading
from collections.abc import Callable
from itertools import cycle
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
        self._error: Exception | None = None
        self._name = name
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        """Started with the first job, since most runs have no large file."""

    @property
    def has_failed(self) -> bool:
        """Whether a job has raised an exception, which `close` raises."""
        return self._error is not None

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
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (entry := self._jobs.get()) is not None:
            job, arguments = entry
            try:
                job(*arguments)
            except Exception as error:  # noqa: BLE001  # `close` raises it
                self._error = self._error or error


class IoThreads:
    """Threads for hashing and threads for writing; each file uses one of each, which keeps its chunks in order."""

    def __init__(self) -> None:
        number = max(1, min(MAX_THREADS, (os.cpu_count() or 1) // 2))
        self._hashing = [SerialExecutor(f"airnub-hash-{index}") for index in range(number)]
        self._writing = [SerialExecutor(f"airnub-write-{index}") for index in range(number)]
        self._turns = cycle(range(number))

    def next(self) -> tuple[SerialExecutor, SerialExecutor]:
        """Return a thread for hashing and one for writing, round-robin."""
        turn = next(self._turns)
        return self._hashing[turn], self._writing[turn]

    def close(self) -> None:
        """Wait until all queued jobs have run, those for hashing first, since they queue jobs for writing.

        Raises:
            Exception: the first unexpected exception of a job.
        """
        error: Exception | None = None
        for thread in (*self._hashing, *self._writing):
            try:
                thread.close()
            except Exception as problem:  # noqa: BLE001  # the other threads must be closed too
                error = error or problem
        if error is not None:
            raise error

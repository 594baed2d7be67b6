"""A crew: one downloader in a thread of this process, and where it pays others in processes beside it.

Processes pay where there are many small files: then Python itself is the limit, and it uses one core a process.
"""

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, NamedTuple, Self

from airnub_core.download.downloader import Downloader
from airnub_core.download.job import Job, Result
from airnub_core.download.lanes import Lane
from airnub_core.download.worker import CLOSE, STOP
from airnub_core.errors import WorkerLostError

MEMORY = 32 * 1024 * 1024
"""Bytes for the buffers of large files, in all."""
_COMMAND = "from airnub_core.download.worker import main; main()"
_ENDED = None


class Setting(NamedTuple):
    """What every downloader of a crew is told; see `Downloader`."""

    staging: Path
    hidden: Path
    connections: int
    user_agent: str
    is_logged: bool = False
    """Whether the store takes redo logs."""

    def of(self, member: int, members: int) -> dict[str, Any]:
        """What one of several is told: its share of the connections and of the memory, and a prefix of its own."""
        return {
            "staging": self.staging,
            "hidden": self.hidden,
            "prefix": f"{'abcdefgh'[member]}",
            "connections": max(1, self.connections // members),
            "memory": MEMORY // members,
            "user_agent": self.user_agent,
            "is_logged": self.is_logged,
        }


class Crew:
    """Downloaders at work while the block runs; those that are still at it when it ends are stopped."""

    def __init__(self, setting: Setting, processes: int = 1) -> None:
        """Hire.

        Args:
            setting: for all of them.
            processes: how many; 1 is a thread of this process.
        """
        self._queue: SimpleQueue[tuple[int, list[Result] | BaseException | None]] = SimpleQueue()
        self._out = [0] * processes
        self._ready = [False] * processes
        self._running = processes
        self._members: list[_Thread | _Process] = []
        try:
            for number in range(processes):
                member = _Process if number else _Thread
                self._members.append(member(setting.of(number, processes), self._told(number)))
            self._ready[0] = True
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __len__(self) -> int:
        """How many share the limits."""
        return len(self._members)

    @property
    def has_started(self) -> bool:
        """Whether all members have, as far as `results` has told."""
        return all(self._ready)

    @property
    def has_idle(self) -> bool:
        """Whether somebody who has started has nothing to do."""
        return any(is_ready and not out for is_ready, out in zip(self._ready, self._out, strict=True))

    def add(self, jobs: list[Job]) -> None:
        """More to do, for whoever has the least, of those that have started."""
        ready = [member for member, is_ready in enumerate(self._ready) if is_ready]
        member = min(ready, key=self._out.__getitem__)
        self._out[member] += len(jobs)
        self._members[member].tell(jobs)

    def close(self) -> None:
        """There are no more jobs; who has not started yet is not needed."""
        for member, is_ready in zip(self._members, self._ready, strict=True):
            member.tell(CLOSE) if is_ready else member.dismiss()

    def stop(self) -> None:
        """Give up on what has not ended; the results so far still come."""
        for member in self._members:
            member.tell(STOP)

    def results(self) -> Iterator[list[Result]]:
        """Results as they come, until all members have ended; none where one has started, and four times a second where
        nothing comes.

        Raises:
            WorkerLostError: a process ended that should not have.
        """
        while self._running:
            try:
                member, packet = self._queue.get(timeout=0.25)
            except Empty:
                yield []
                continue
            self._ready[member] = True
            if packet is _ENDED:
                self._running -= 1
            elif isinstance(packet, BaseException):
                self._running -= 1
                raise packet
            else:
                self._out[member] -= len(packet)
                yield packet

    def rest(self) -> Iterator[list[Result]]:
        """What `results` has not told when it was left early, or has raised; waits until all have ended."""
        for member in self._members:
            member.join()
        while not self._queue.empty():
            _, packet = self._queue.get()
            if isinstance(packet, list):
                yield packet

    def _told(self, member: int) -> Callable[[list[Result] | BaseException | None], None]:
        return lambda packet: self._queue.put((member, packet))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._running:
            self.stop()
        for member in self._members:
            member.join()


class _Thread:
    def __init__(self, settings: dict[str, Any], tell: Callable[[list[Result] | BaseException | None], None]) -> None:
        self._downloader = Downloader(**settings, on_results=tell)
        self._told = tell
        self._thread = threading.Thread(target=self._run, name="airnub-download", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._downloader.run()
        except BaseException as error:  # noqa: BLE001  # it is raised where the results are read
            self._told(error)
        else:
            self._told(_ENDED)

    def tell(self, message: list[Job] | str) -> None:
        if message == CLOSE:
            self._downloader.close()
        elif message == STOP:
            self._downloader.stop()
        elif isinstance(message, list):
            self._downloader.add(message)

    def dismiss(self) -> None:
        self.tell(CLOSE)

    def join(self) -> None:
        self._thread.join()


class _Process:
    def __init__(self, settings: dict[str, Any], tell: Callable[[list[Result] | BaseException | None], None]) -> None:
        self._told = tell
        # A session of its own: Ctrl-C is for this process, which then tells the others to stop.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._dismissed = False
        # Jobs are written beside: the pipe is full long before the process has started.
        self._told_jobs = Lane("airnub-jobs")
        self.tell(settings)
        self._thread = threading.Thread(target=self._read, name="airnub-results", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None, "it is a pipe"
        try:
            while (results := pickle.load(self._process.stdout)) is not _ENDED:  # noqa: S301  # our own process
                self._told(results)
        except (EOFError, pickle.UnpicklingError):
            status = self._process.wait()
            self._told(_ENDED if self._dismissed else WorkerLostError(status))
        else:
            self._told(_ENDED)

    def tell(self, message: list[Job] | dict[str, Any] | str) -> None:
        self._told_jobs.put(self._write, message)

    def _write(self, message: list[Job] | dict[str, Any] | str) -> None:
        assert self._process.stdin is not None, "it is a pipe"
        try:
            pickle.dump(message, self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass  # it has ended, or is closed; and the thread that reads its results says how

    def dismiss(self) -> None:
        self._dismissed = True
        self._process.kill()

    def join(self) -> None:
        self._thread.join()
        self._process.wait()
        self._told_jobs.close()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # it has ended without reading all it was told
                    pipe.close()

"""Worker pool: one downloader in this process and, for many files, further ones in separate processes.

Processes pay where there are many small files: then Python itself is the limit, and it uses one core a process.

A process may be killed, by the system that runs out of memory or by what a server sends. A new one takes its place, and
what was out with it is fetched again: by the new process, and never by this one, in ever smaller lots, so that a job
that ends its process is found, and fails alone. The number of new processes is limited (`MOST_LOSSES`).
"""

import shutil
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from airnub_core.errors import StoreError, WorkerLostError
from airnub_core.http.client import Client
from airnub_core.http.downloader import DownloaderConfig, Result
from airnub_core.http.request import Request, Response
from airnub_core.http.workers import Ended, Packet, ProcessWorker, ThreadWorker
from airnub_core.store.partials import Partials

MOST_LOSSES = 16
"""Processes of one pool that may end by themselves. After one more, the jobs that such processes were at fail, and this
process does the rest alone. One job that ends its process is found after five at most, among 4,096 that were out.
"""
_LOTS = 8
"""Lots in which the jobs of a lost process are done again."""
_LEAST_ATTEMPTS = 3
"""Processes that a job must have been with when they ended, before it is taken for the cause: one may be bad luck."""


class WorkerPool:
    """Downloaders at work while the block runs; those that are still at it when it ends are stopped."""

    def __init__(self, config: DownloaderConfig, processes: int = 1, client: Client | None = None) -> None:
        """Hire.

        Args:
            config: for all of them together.
            processes: how many; 1 is this process alone.
            client: makes the requests of this process, and keeps to its share of the limits meanwhile; `None` for one
                of its own.
        """
        self._client = client
        if client is not None:
            client.share(processes)
        self._config = config
        self._size = processes
        self._queue: SimpleQueue[tuple[int, Packet]] = SimpleQueue()
        self._places: list[_Place] = []
        self._attempts: Counter[int] = Counter()
        """Of jobs that lost processes were at: how many."""
        self._losses = 0
        self._closed = False
        self._stopping = threading.Event()
        try:
            for number in range(processes):
                share, send = config.share(number, processes), self._sender(number)
                self._places.append(_Place(ProcessWorker(share, send) if number else ThreadWorker(share, send, client)))
            self._places[0].is_ready = True
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __len__(self) -> int:
        """How many share the limits."""
        return self._size

    @property
    def has_started(self) -> bool:
        """Whether all members have, as far as `results` has reported."""
        return all(place.is_ready or place.is_over for place in self._places)

    @property
    def has_idle(self) -> bool:
        """Whether a member that takes jobs has nothing to do."""
        return any(place.takes_jobs and not place.member.out for place in self._places)

    @property
    def losses(self) -> int:
        """Processes that have ended by themselves."""
        return self._losses

    def add(self, requests: list[Request]) -> None:
        """More to do, for the member with the least, of those that have started and do nothing again."""
        place = min((place for place in self._places if place.takes_jobs), key=lambda place: len(place.member.out))
        place.member.add(requests)

    def close(self) -> None:
        """There are no more jobs; a process that has not started yet is not needed."""
        self._closed = True
        for place in self._places:
            if place.takes_jobs:
                place.member.close()
            elif not place.again and not place.is_over:
                place.member.dismiss()

    def stop(self) -> None:
        """Give up on what has not ended; the results so far still come."""
        self._stopping.set()
        for place in self._places:
            if not place.is_over:
                place.member.stop()

    def results(self) -> Iterator[list[Result]]:
        """Results as they come, until all members have ended; none where one has started, and four times a second where
        nothing comes.

        Raises:
            StoreError: what a lost process has left cannot be cleared away.
            Exception: the thread of this process failed.
        """
        while self._is_running or not self._queue.empty():
            try:
                number, packet = self._queue.get(timeout=0.25)
            except Empty:
                yield []
                continue
            place = self._places[number]
            if isinstance(packet, list):
                place.came(packet)
                yield packet
            elif isinstance(packet, str):
                place.is_ready, place.folder = True, Path(packet)
                yield []
            elif isinstance(packet, Ended):
                failed = self._ended(number, packet.status)
                if failed:
                    yield failed
            else:
                place.is_over = True
                raise packet
            self._go_on(place)

    def rest(self) -> Iterator[list[Result]]:
        """What `results` has not given when it was left early, or has raised; waits until all have ended."""
        for place in self._places:
            place.member.join()
        while not self._queue.empty():
            _, packet = self._queue.get()
            if isinstance(packet, list):
                yield packet

    def _sender(self, number: int) -> Callable[[Packet], None]:
        return lambda packet: self._queue.put((number, packet))

    @property
    def _is_running(self) -> bool:
        return any(not place.is_over for place in self._places)

    def _go_on(self, place: "_Place") -> None:
        """Give the next lot to do again when the one before has ended; after the last one new jobs are taken again."""
        if not (place.again and place.is_ready) or place.member.out:
            return
        if place.lots:
            place.member.add(place.lots.popleft())
        else:
            place.again = False
            if self._closed:
                place.member.close()

    def _ended(self, number: int, status: int | None) -> list[Result]:
        """A member has ended; another takes its place where it was lost. The results of jobs that are given up."""
        place = self._places[number]
        if status is None or self._stopping.is_set():
            place.member.join()  # what it has not given is in the queue then
            place.is_over = True
            return []
        self._losses += 1
        place.member.join()
        self._clear_away(place)
        given_up = self._do_again(place, status)
        place.is_ready, place.folder = False, None
        place.reported.clear()
        if self._losses <= MOST_LOSSES and (place.lots or not self._closed):
            with suppress(OSError):  # the system has no room for another process
                place.member = ProcessWorker(self._config.share(number, self._size), self._sender(number))
                if self._stopping.is_set():  # meanwhile, by another thread
                    place.member.stop()
                return given_up
        given_up += [self._failed(request, status) for lot in place.lots for request in lot]
        place.lots.clear()
        place.is_over = True
        return given_up

    def _do_again(self, place: "_Place", status: int) -> list[Result]:
        """Divide what was out into lots; a job that was alone with the last of several lost processes is given up."""
        left = list(place.member.out.values())
        place.member.out.clear()
        self._attempts.update(request.number for request in left)
        if len(left) == 1 and self._attempts[left[0].number] >= _LEAST_ATTEMPTS:
            return [self._failed(left[0], status)]
        size = -(-len(left) // _LOTS) or 1
        place.lots.extendleft(reversed([left[start : start + size] for start in range(0, len(left), size)]))
        place.again = bool(place.lots)
        return []

    def _failed(self, request: Request, status: int) -> Response:
        attempts = self._attempts[request.number]
        return Response(request, attempts, WorkerLostError(request.url, status, attempts=attempts))

    def _clear_away(self, place: "_Place") -> None:
        """Remove what a lost process staged without a result, which comes again; large parts are kept to go on from."""
        if place.folder is None:
            return
        partials = Partials(self._config.hidden)
        try:
            for folder in list(place.folder.iterdir()):
                if folder.name not in place.reported and not partials.park(folder):
                    shutil.rmtree(folder, ignore_errors=True)
        except OSError as error:
            raise StoreError.of(error, place.folder) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._is_running:
            self.stop()
        for place in self._places:
            place.member.join()
        if self._client is not None:
            self._client.share(1)


class _Place:
    """A place in a pool: the member that has it now, and what it is to do again."""

    def __init__(self, member: ThreadWorker | ProcessWorker) -> None:
        self.member = member
        self.is_ready = False
        """Whether the member has started."""
        self.is_over = False
        """Whether it has ended, and no other comes."""
        self.again = False
        """Whether it does jobs of a lost process again; it gets no others meanwhile."""
        self.lots: deque[list[Request]] = deque()
        """Jobs to do again, one lot after the other."""
        self.folder: Path | None = None
        """Where a process stages."""
        self.reported: set[str] = set()
        """Names of folders in it that belong to a result."""

    @property
    def takes_jobs(self) -> bool:
        return self.is_ready and not self.again and not self.is_over

    def came(self, packet: list[Result]) -> None:
        for result in packet:
            if isinstance(result, Response):
                self.member.out.pop(result.request.number, None)
                if self.folder is not None and result.staged is not None:
                    self.reported.add(result.staged.folder.rpartition("/")[2])

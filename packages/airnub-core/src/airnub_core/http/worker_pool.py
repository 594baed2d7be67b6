"""Worker pool: one downloader in this process and, for many files, further ones in separate processes.

More processes are faster for many small files, where Python is the bottleneck and uses one core per process.

A process may be killed by the kernel when memory runs out, or crash on a response. A new process replaces it and
repeats the jobs that were in flight, in ever smaller lots, so that a job that crashes its process is isolated and is
the only one to fail. The main process never repeats such jobs. The number of replacements is limited (`MOST_LOSSES`).
"""

import shutil
from collections import defaultdict, deque
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

MOST_LOSSES = 16
"""Crashed processes that one pool replaces. After one more, the jobs in flight in such processes fail, and the main
process does the rest alone. A job that crashes its process is isolated after five crashes, out of 4,096 in flight.
"""
_LOTS = 8
"""Number of lots into which the jobs of a crashed process are divided."""
_LEAST_ATTEMPTS = 3
"""Crashes that a job must have been in flight at, before it counts as the cause; a single one may be a coincidence."""


class WorkerPool:
    """A pool of downloaders, a context manager; downloaders still running on exit are stopped."""

    def __init__(self, config: DownloaderConfig, processes: int, client: Client) -> None:
        """Start the downloaders, one of them in this process; its HTTP client is limited to its share meanwhile."""
        self._client = client
        client.share(processes)
        self._config = config
        self._size = processes
        self._queue: SimpleQueue[tuple[int, Packet]] = SimpleQueue()
        self._places: list[_Place] = []
        self._attempts: defaultdict[int, int] = defaultdict(int)
        """By job number, the crashes that the job was in flight at."""
        self.losses = 0
        """Number of crashed processes."""
        self._closed = False
        self._stopping = False
        try:
            for number in range(processes):
                share, send = config.share(number, processes), self._sender(number)
                self._places.append(_Place(ProcessWorker(share, send) if number else ThreadWorker(share, send, client)))
            self._places[0].is_ready = True
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def __len__(self) -> int:
        """Number of downloaders that share the limits."""
        return self._size

    @property
    def has_idle(self) -> bool:
        """Whether a downloader that accepts jobs has none."""
        return any(place.takes_jobs and not place.member.out for place in self._places)

    def add(self, requests: list[Request]) -> None:
        """Add jobs to the least busy downloader that has started and repeats no jobs of a crashed process."""
        place = min((place for place in self._places if place.takes_jobs), key=lambda place: len(place.member.out))
        place.member.add(requests)

    def close(self) -> None:
        """Close the queue; a process that has not started yet is stopped."""
        self._closed = True
        for place in self._places:
            if place.takes_jobs:
                place.member.close()
            elif not place.again and not place.is_over:
                place.member.dismiss()

    def stop(self) -> None:
        """Cancel running jobs; results so far are still delivered."""
        self._stopping = True
        for place in self._places:
            if not place.is_over:
                place.member.stop()

    def results(self) -> Iterator[list[Result]]:
        """Yield results as they arrive, until all downloaders have ended.

        An empty list is yielded when a downloader has started, and four times a second while there are no results.

        Raises:
            StoreError: the staging folder of a crashed process cannot be cleaned up.
            Exception: the downloader thread of this process failed.
        """
        while not self._queue.empty() or self._is_running:
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
        """Yield what is left after `results` was abandoned or raised; waits until all downloaders have ended."""
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
        return False in [place.is_over for place in self._places]

    def _go_on(self, place: "_Place") -> None:
        """Repeat the next lot when the previous one has ended; after the last one, accept new jobs again."""
        if not (place.again and place.is_ready) or place.member.out:
            return
        if place.lots:
            place.member.add(place.lots.popleft())
        else:
            place.again = False
            if self._closed:
                place.member.close()

    def _ended(self, number: int, status: int | None) -> list[Result]:
        """Handle the end of a downloader: replace a crashed process, and return the results of jobs that fail."""
        place = self._places[number]
        if status is None or self._stopping:
            place.member.join()  # its last results are in the queue after that
            place.is_over = True
            return []
        self.losses += 1
        place.member.join()
        self._clear_away(place)
        given_up = self._do_again(place, status)
        place.is_ready, place.folder = False, None
        place.reported.clear()
        if self.losses <= MOST_LOSSES and (place.lots or not self._closed):
            with suppress(OSError):  # the system cannot start a process
                place.member = ProcessWorker(self._config.share(number, self._size), self._sender(number))
                if self._stopping:  # set by a different thread in the meantime
                    place.member.stop()  # type: ignore[unreachable]
                return given_up
        given_up += [self._failed(request, status) for lot in place.lots for request in lot]
        place.lots.clear()
        place.is_over = True
        return given_up

    def _do_again(self, place: "_Place", status: int) -> list[Result]:
        """Divide the jobs in flight into lots; a job that was alone in the last of several crashed processes fails."""
        left = list(place.member.out.values())
        place.member.out.clear()
        for request in left:
            self._attempts[request.number] += 1
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
        """Remove bodies that a crashed process staged without a result; large partial files are kept and resumed."""
        if place.folder is None:
            return
        try:
            for folder in list(place.folder.iterdir()):
                if folder.name not in place.reported and not self._config.partials.park(folder):
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
        self._client.share(1)


class _Place:
    """A slot of the pool: its current downloader, and the jobs to repeat."""

    def __init__(self, member: ThreadWorker | ProcessWorker) -> None:
        self.member = member
        self.is_ready = False
        """Whether the downloader has started."""
        self.is_over = False
        """Whether it has ended and is not replaced."""
        self.again = False
        """Whether it repeats jobs of a crashed process; it accepts no other jobs meanwhile."""
        self.lots: deque[list[Request]] = deque()
        """Lots of jobs to repeat, one at a time."""
        self.folder: Path | None = None
        """The staging folder of a process."""
        self.reported: set[str] = set()
        """Names of the folders in it that belong to a result."""

    @property
    def takes_jobs(self) -> bool:
        return self.is_ready and not self.again and not self.is_over

    def came(self, packet: list[Result]) -> None:
        for result in packet:
            if isinstance(result, Response):
                self.member.out.pop(result.request.number, None)
                if self.folder is not None and result.staged is not None:
                    self.reported.add(result.staged.folder.rpartition("/")[2])

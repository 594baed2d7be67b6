"""Rate limit: choose the next job within the limits of connections, in all and per host, and of starts per second.

All requests of one engine to the same host and port share a limit, whatever their source; redirects and retries count
as requests. After a start, the next request that has `per_second` waits for 1 / `per_second` of the one that started;
requests without it neither wait nor count. With such a limit one process downloads (`downloads`). Different runs share
no limit. Connections are counted for each host and `per_host`: sources with a different `per_host` do not share them.

It reads no clock: callers pass the time.
"""

import heapq
from collections import deque
from collections.abc import Callable
from itertools import count
from math import inf
from typing import Generic, Protocol, TypeVar


class Waiting(Protocol):
    """A job that waits for a host, with the limits of that host."""

    host: str
    """Host and port whose limits apply."""
    per_host: int
    """Most concurrent jobs for the host."""
    per_second: float | None
    """Most starts per second for the host; `None` for no limit."""


W = TypeVar("W", bound=Waiting)


class _Queue(Generic[W]):
    __slots__ = ("active", "listed", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[W] = deque()
        self.active = 0
        self.listed = False


class Scheduler(Generic[W]):
    """Schedules jobs round-robin over hosts, so that a slow host does not delay others; times in seconds, of one clock.

    A retry is scheduled again when it is due.
    """

    def __init__(self, connections: int) -> None:
        self.connections = connections
        """Most concurrent jobs in all; may be changed at any time."""
        self._active = 0
        self._queues: dict[tuple[str, int], _Queue[W]] = {}
        self._ready: deque[tuple[str, int]] = deque()
        self._next_start: dict[str, float] = {}
        self._later: list[tuple[float, int, W]] = []
        """Heap of retries, by the time when they are due."""
        self._too_early: list[tuple[float, int, tuple[str, int]]] = []
        """Heap of hosts at their limit of starts per second, by the time of the next start."""
        self._order = count()

    def add(self, one: W) -> None:
        """Append a job to the queue of its host."""
        key = one.host, one.per_host
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = _Queue()
        queue.waiting.append(one)
        if not queue.listed:
            self._list(key, queue)

    def add_first(self, one: W) -> None:
        """Put a job first in the queue of its host: a request already begun, which was redirected to this host."""
        self.add(one)
        self._queues[one.host, one.per_host].waiting.rotate(1)

    def remove(self, is_given_up: Callable[[W], bool]) -> list[W]:
        """Remove and return the waiting jobs that are cancelled."""
        removed: list[W] = []
        for queue in self._queues.values():
            given_up = [one for one in queue.waiting if is_given_up(one)]
            if given_up:
                removed += given_up
                queue.waiting = deque(one for one in queue.waiting if not is_given_up(one))
        given_up = [one for _, _, one in self._later if is_given_up(one)]
        if given_up:
            removed += given_up
            self._later = [entry for entry in self._later if not is_given_up(entry[2])]
            heapq.heapify(self._later)
        return removed

    def add_later(self, one: W, at: float) -> None:
        """Queue a retry that starts at the time `at` or later."""
        heapq.heappush(self._later, (at, next(self._order), one))

    def due(self, now: float) -> list[W]:
        """Take the jobs that may start now, and count them as started."""
        jobs: list[W] = []
        while self._later and self._later[0][0] <= now:
            _, _, one = heapq.heappop(self._later)
            self.add(one)
        while self._too_early and self._too_early[0][0] <= now:
            _, _, key = heapq.heappop(self._too_early)
            self._ready.append(key)
        while self._active < self.connections and self._ready:
            key = self._ready.popleft()
            queue = self._queues[key]
            queue.listed = False
            if not queue.waiting:  # all its waiting jobs were removed
                self._forget(key, queue)
                continue
            one = queue.waiting[0]
            start = self._next_start.get(one.host, 0.0)
            if one.per_second is not None and start > now:
                queue.listed = True
                heapq.heappush(self._too_early, (start, next(self._order), key))
                continue
            if one.per_second is not None:
                self._next_start[one.host] = now + 1 / one.per_second
            queue.waiting.popleft()
            queue.active += 1
            self._active += 1
            self._list(key, queue)
            jobs.append(one)
        return jobs

    def ended(self, one: W) -> None:
        """Free the connection of a job that has ended, whether it succeeded or not."""
        key = one.host, one.per_host
        queue = self._queues[key]
        queue.active -= 1
        self._active -= 1
        if queue.waiting:
            if not queue.listed:
                self._list(key, queue)
        else:
            self._forget(key, queue)

    def wait(self, now: float) -> float:
        """Seconds until the next waiting job may start; `inf` if it can start only after a running job ends."""
        due = self._later[0][0] if self._later else inf
        if self._too_early:
            due = min(due, self._too_early[0][0])
        return max(0.0, due - now)

    def _forget(self, key: tuple[str, int], queue: _Queue[W]) -> None:
        if not (queue.active or queue.waiting or queue.listed):
            del self._queues[key]

    def _list(self, key: tuple[str, int], queue: _Queue[W]) -> None:
        if queue.waiting and not queue.listed and queue.active < key[1]:
            queue.listed = True
            self._ready.append(key)

"""Dispatcher: choose the next items to request, look them up in the index, and lease them (`store.index.leases`).

Each run requests each item, with validators if its object is stored (`http.conditional`); of the workers that share
an index, one does.
"""

import random
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from sys import intern
from time import monotonic

from airnub_core.http.limits import Limits
from airnub_core.http.request import Request, Response
from airnub_core.http.settings import NetworkSettings
from airnub_core.http.url import host_of
from airnub_core.http.worker_pool import WorkerPool
from airnub_core.items import Item, request_for
from airnub_core.outcome import Outcome, Status
from airnub_core.store.base import Store
from airnub_core.store.clock import time_of
from airnub_core.store.index import Index, IndexRow
from airnub_core.store.index.leases import Leases
from airnub_core.store.manifest import url_digest

_AT_ONCE = 100
"""Jobs that are looked up and dispatched together."""
_MAX_IN_FLIGHT = 300
"""Most jobs of one host in flight per downloader: enough to keep it busy while more are dispatched."""
_AT_FIRST = 32
"""Initial limit in flight of one host, or twice the number of connections if that is more. It is low, so that large
files are left for a downloader that starts later.
"""
_GROWTH = 4
"""Factor by which the limit in flight grows when a downloader is idle."""
_SHARE = 2
"""Divisor of a host's remaining jobs that gives the size of the next lot. Lots shrink towards the end, since one
downloader may still have a whole lot to do when the others are idle.
"""
_LEAST = 32
"""Smallest lot, while that many jobs remain."""
_SHARED_AT_ONCE = 64
"""`_AT_ONCE` for a shared index, at least; lower, since at the end each worker waits for the jobs of the others."""
_LOOK_EVERY = 0.5
"""Seconds between two checks of items leased by other workers, when there is nothing else to do."""


class Dispatcher:
    """Dispatches jobs to the downloaders, round-robin over hosts, so that a slow host does not use up the limit.

    Workers that share an index start at random positions and skip items leased by a different worker. An item counts
    as done if a different worker has requested it since this run began, or has finished it after this run found it
    leased. An item whose lease was released goes to the first worker that claims it.
    """

    def __init__(
        self, items: Sequence[Item], store: Store, index: Index, pool: WorkerPool, *, connections: int, force: bool
    ) -> None:
        """Queue all items.

        Args:
            items: the items to request.
            store: the store; an item whose object is missing there is requested without validators.
            index: the index, which has the last known state of each URL.
            pool: the downloaders.
            connections: connections of the whole pool; the limit in flight is higher, so that none is idle.
            force: request items too that a different worker has done.
        """
        self._items, self._store, self._index, self._pool, self._force = items, store, index, pool, force
        self._at_once = max(_SHARED_AT_ONCE, connections) if index.shared else _AT_ONCE
        self.max_in_flight = 2 * self._at_once if index.shared else max(_MAX_IN_FLIGHT * len(pool), 4 * connections)
        """The most jobs of one host that are ever in flight."""
        self._in_flight_limit = self.max_in_flight if index.shared else max(_AT_FIRST, 2 * connections)
        self._leases = Leases(index, force=force)
        self._out: dict[int, str] = {}
        """By place, the URL digests of the jobs in flight."""
        self._started = time_of(index)
        self._queues: dict[str, deque[int]] = {}
        self._leased_by_others: dict[int, str | None] = {}
        """By place, when the item was last checked; `None` for an item that the index did not have."""
        self._checked_before: dict[int, str | None] = {}
        """The same for items that are queued again."""
        self._failed: list[str] = []
        self._next_look = 0.0
        self._begun = self._all_dealt = False
        first = random.randrange(len(items)) if index.shared else 0  # noqa: S311  # no secret
        self._hosts = [intern(host_of(item.url)) for item in items]
        self._in_flight: defaultdict[str, int] = defaultdict(int)
        self._limits: dict[int, Limits] = {}
        self._queue([*range(first, len(items)), *range(first)])

    @property
    def waits_for_others(self) -> bool:
        """Whether nothing is in flight and the remaining items are leased by other workers."""
        return not self._out and not self._all_dealt

    def dispatch(self) -> dict[int, Outcome]:
        """Dispatch jobs up to the limit in flight, and close the pool's queue after the last one.

        Returns:
            By place, the outcomes of items that a different worker has done in the meantime.
        """
        self._leases.renew()
        if self._failed:
            self._leases.release(self._failed)
            self._failed = []
        done: dict[int, Outcome] = {}
        if self._all_dealt:
            return done
        now = monotonic()
        if not self._queues and now >= self._next_look:
            self._queue(self._leased_by_others)
            self._checked_before |= self._leased_by_others
            self._leased_by_others = {}
            self._next_look = now + _LOOK_EVERY
        if self._begun and self._pool.has_idle:
            self._in_flight_limit = min(_GROWTH * self._in_flight_limit, self.max_in_flight)
        self._begun = True
        while places := self._take():
            requests = self._requests(places, done)
            if requests:
                self._pool.add(requests)
        if not self._queues and not self._leased_by_others:
            self._all_dealt = True
            self._pool.close()
        return done

    def back(self, responses: Iterable[Response]) -> None:
        """Take requests that have their responses out of flight.

        The leases of failed ones are released with the next `dispatch`, so that a different worker can retry the URLs.
        """
        for response in responses:
            place = response.request.number
            self._in_flight[self._hosts[place]] -= 1
            digest = self._out.pop(place)
            if response.error is not None:
                self._failed.append(digest)

    def release(self) -> None:
        """Release all leases at the end of the run."""
        self._leases.release([*self._failed, *self._out.values()])

    def _queue(self, places: Iterable[int]) -> None:
        for place in places:
            self._queues.setdefault(self._hosts[place], deque()).append(place)

    def _take(self) -> list[int]:
        places: list[int] = []
        for host in list(self._queues):
            queue = self._queues[host]
            lot = min(len(queue), max(_LEAST, len(queue) // _SHARE))
            at_once = min(self._at_once, max(1, self._in_flight_limit // 2), lot)
            room = min(at_once, self._in_flight_limit - self._in_flight[host])
            if room < at_once:
                continue
            places += [queue.popleft() for _ in range(room)]
            self._in_flight[host] += room
            if not queue:
                del self._queues[host]
            if len(places) >= self._at_once:
                break
        return places

    def _requests(self, places: Sequence[int], done: dict[int, Outcome]) -> list[Request]:
        digests = {place: url_digest(self._items[place].url) for place in places}
        of_source: dict[str, list[str]] = {}
        for place in places:
            of_source.setdefault(self._items[place].source, []).append(digests[place])
        # Claimed before the lookup, so that the lookup sees what a different worker did until the claim.
        claimed = self._leases.claim(digests.values())
        known = {source: self._index.lookup(source, asked) for source, asked in of_source.items()}
        clock = self._index.clock()
        requests: list[Request] = []
        needless: list[str] = []
        for place in places:
            item, digest = self._items[place], digests[place]
            found = known[item.source].get(digest)
            if found is not None and not self._store.has(found.path, found.size):
                found = None
            if found is not None and not self._force and self._is_done(place, found):
                done[place] = _done_by_another(found)
                needless.append(digest)
            elif digest not in claimed:
                self._leased_by_others[place] = None if found is None else found.checked_at
            else:
                self._out[place] = digest
                limits = self._limits.get(id(item.network)) or self._limits_of(item.network)
                request = request_for(item, digest, found, limits, number=place, clock=clock, force=self._force)
                requests.append(request)
                continue
            self._in_flight[self._hosts[place]] -= 1
        if needless:
            self._leases.release(needless)
        return requests

    def _is_done(self, place: int, found: IndexRow) -> bool:
        """Whether a different worker has requested the item since this run began, or since this run found it leased."""
        return (
            found.checked_at >= self._started or self._checked_before.get(place, found.checked_at) != found.checked_at
        )

    def _limits_of(self, network: NetworkSettings) -> Limits:
        """The limits for one downloader of the pool: its share of the source's limits.

        All items of a source share one object, so that it is pickled once per packet.
        """
        limits = network.limits()
        limits = limits._replace(connections_per_host=max(1, limits.connections_per_host // len(self._pool)))
        self._limits[id(network)] = limits
        return limits


def _done_by_another(known: IndexRow) -> Outcome:
    """The outcome of an item that a different worker has requested since this run began."""
    return Outcome(
        source=known.source,
        kind=Status.UNCHANGED,
        url=known.url,
        digest=known.digest,
        path=known.path,
        manifest=known.manifest,
        size=known.size,
        attempts=0,
    )

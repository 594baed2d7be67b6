"""Dealing: which item is asked for next, what is known of it, and which of several workers asks."""

import random
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from sys import intern
from time import monotonic

from airnub_core.arrival import Item, validators
from airnub_core.claims import Claims
from airnub_core.http.limits import Limits
from airnub_core.http.request import Request
from airnub_core.http.settings import NetworkSettings
from airnub_core.http.url import host_of
from airnub_core.http.worker_pool import WorkerPool
from airnub_core.outcome import Kind, Outcome
from airnub_core.store.clock import time_of
from airnub_core.store.index import Index, Known
from airnub_core.store.manifest import url_digest
from airnub_core.store.protocol import Store
from airnub_core.store.provenance import Asked

_AT_ONCE = 100
"""Jobs that are looked up and dealt together."""
_MOST_OUT = 300
"""Jobs of one host that are ever dealt to each downloader and not back: enough to go on while more are dealt."""
_AT_FIRST = 32
"""Jobs of one host that are dealt at first, at least; and twice as many as there are connections. They are few, so that
large files wait for a downloader that starts later.
"""
_GROWTH = 4
"""Times as many are dealt when somebody has nothing left to do."""
_SHARE = 2
"""The last of a host are dealt in ever smaller lots, a part of what is left: a lot is the most by which one downloader
may still be at it when the others have ended.
"""
_LEAST = 32
"""Jobs that are dealt together, at least, while there are so many."""
_SHARED_AT_ONCE = 64
"""At least, where others share the index: what one has taken, and is not done with, the others wait for at the end."""
_LOOK_EVERY = 0.5
"""Seconds after which it is looked again at what is left to others, where there is nothing else to do."""


class Dealer:
    """Deals jobs out, hosts in turn, so that a slow host does not hold all that is out.

    Workers that share an index begin in different places, and leave to each other what they have claimed. What another
    has asked since this run began is done, and so is what it was at when this run came to it; what it has given up is
    up for the first that comes to it.
    """

    def __init__(
        self, items: Sequence[Item], store: Store, index: Index, crew: WorkerPool, *, connections: int, force: bool
    ) -> None:
        """Line items up.

        Args:
            items: what is to be asked for.
            store: what the index knows is there, or is asked for anew.
            index: what is known of URLs.
            crew: whom to deal to.
            connections: of the whole crew; more than so many jobs are always out.
            force: ask also for what is done.
        """
        self._items, self._store, self._index, self._crew, self._force = items, store, index, crew, force
        self._at_once = max(_SHARED_AT_ONCE, connections) if index.shared else _AT_ONCE
        self._most_out = 2 * self._at_once if index.shared else max(_MOST_OUT * len(crew), 4 * connections)
        self._may_be_out = self._most_out if index.shared else max(_AT_FIRST, 2 * connections)
        self._claims = Claims(index, force=force)
        self._known: dict[int, tuple[str, Known | None]] = {}
        """URL digest and what the index knows, of what is dealt out."""
        self._started = time_of(index)
        self._queues: dict[str, deque[int]] = {}
        self._left_to_others: dict[int, str | None] = {}
        """By place, when it had been checked last; `None` for what was not known."""
        self._checked_before: dict[int, str | None] = {}
        """The same of what is looked at again."""
        self._failed: list[str] = []
        self._next_look = 0.0
        self._begun = self._all_dealt = False
        first = random.randrange(len(items)) if index.shared else 0  # noqa: S311  # no secret
        self._hosts = [intern(host_of(item.url)) for item in items]
        self._out: Counter[str] = Counter()
        self._limits: dict[int, Limits] = {}
        self._queue([*range(first, len(items)), *range(first)])

    @property
    def most_out(self) -> int:
        """Jobs of one host that are ever out."""
        return self._most_out

    @property
    def is_idle(self) -> bool:
        """Whether nothing is out."""
        return not self._known

    def deal(self) -> dict[int, Outcome]:
        """Deal as much as may be out, and tell the crew when that was all.

        Returns:
            By place, the items that another worker has done meanwhile.
        """
        self._claims.renew()
        if self._failed:
            self._claims.release(self._failed)
            self._failed = []
        done: dict[int, Outcome] = {}
        if self._all_dealt:
            return done
        now = monotonic()
        if not self._queues and now >= self._next_look:
            self._queue(self._left_to_others)
            self._checked_before |= self._left_to_others
            self._left_to_others = {}
            self._next_look = now + _LOOK_EVERY
        if self._begun and self._crew.has_idle:
            self._may_be_out = min(_GROWTH * self._may_be_out, self._most_out)
        self._begun = True
        while places := self._take():
            jobs = self._jobs(places, done)
            if jobs:
                self._crew.add(jobs)
        if not self._queues and not self._left_to_others:
            self._all_dealt = True
            self._crew.close()
        return done

    def back(self, place: int) -> tuple[str, Known | None]:
        """A job is back: the digest of its URL, and what was known of it."""
        self._out[self._hosts[place]] -= 1
        return self._known.pop(place)

    def failed(self, url_digest: str) -> None:
        """It is up for whoever comes first, from the next `deal` on."""
        self._failed.append(url_digest)

    def release(self) -> None:
        """Nothing more comes back."""
        self._claims.release([*self._failed, *(digest for digest, _ in self._known.values())])

    def _queue(self, places: Iterable[int]) -> None:
        for place in places:
            self._queues.setdefault(self._hosts[place], deque()).append(place)

    def _take(self) -> list[int]:
        places: list[int] = []
        for host in list(self._queues):
            queue = self._queues[host]
            lot = min(len(queue), max(_LEAST, len(queue) // _SHARE))
            at_once = min(self._at_once, max(1, self._may_be_out // 2), lot)
            room = min(at_once, self._may_be_out - self._out[host])
            if room < at_once:
                continue
            places += [queue.popleft() for _ in range(room)]
            self._out[host] += room
            if not queue:
                del self._queues[host]
            if len(places) >= self._at_once:
                break
        return places

    def _jobs(self, places: Sequence[int], done: dict[int, Outcome]) -> list[Request]:
        digests = {place: url_digest(self._items[place].url) for place in places}
        of_source: dict[str, list[str]] = {}
        for place in places:
            of_source.setdefault(self._items[place].source, []).append(digests[place])
        # Claimed before they are looked up: what another has done in between is known then.
        claimed = self._claims.claim(digests.values())
        known = {source: self._index.lookup(source, asked) for source, asked in of_source.items()}
        clock = self._index.clock()
        jobs: list[Request] = []
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
                self._left_to_others[place] = None if found is None else found.checked_at
            else:
                self._known[place] = digest, found
                jobs.append(self._job(place, item, digest, found, clock))
                continue
            self._out[self._hosts[place]] -= 1
        if needless:
            self._claims.release(needless)
        return jobs

    def _is_done(self, place: int, found: Known) -> bool:
        """Whether another worker has asked since this run began, or has ended since then what it was at."""
        return (
            found.checked_at >= self._started or self._checked_before.get(place, found.checked_at) != found.checked_at
        )

    def _job(self, place: int, item: Item, digest: str, found: Known | None, clock: float) -> Request:
        etag, last_modified = (None, None) if self._force else validators(found)
        previous = None if found is None else found.digest
        asked = Asked(item.source, item.url, digest, item.page, item.title, previous)
        return Request(place, asked, self._limits_of(item.network), item.headers, etag, last_modified, clock)

    def _limits_of(self, network: NetworkSettings) -> Limits:
        """Of one member of the crew: its share. One value for all items of a source, which travels once a packet."""
        limits = self._limits.get(id(network))
        if limits is None:
            limits = network.limits()
            limits = limits._replace(connections_per_host=max(1, limits.connections_per_host // len(self._crew)))
            self._limits[id(network)] = limits
        return limits


def _done_by_another(known: Known) -> Outcome:
    """Another worker that shares the index has asked since this run began."""
    return Outcome(
        source=known.source,
        kind=Kind.UNCHANGED,
        url=known.url,
        digest=known.digest,
        path=known.path,
        manifest=known.manifest,
        size=known.size,
        attempts=0,
    )

"""Downloads: many items at a time, dealt out to a crew, settled in batches as they come back.

It runs in a thread of its own, beside the event loop of whoever asked.
"""

import os
import random
import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from sys import intern
from time import monotonic

from airnub_common import redact_url
from airnub_core.arrival import Arrival, Item, validators
from airnub_core.download.crew import Crew, Setting
from airnub_core.download.job import Broken, Failed, Fetched, Job, Result
from airnub_core.errors import IngestError
from airnub_core.network.limits import Limits
from airnub_core.network.pacing import host_of
from airnub_core.network.settings import NetworkSettings
from airnub_core.outcome import Kind, Outcome
from airnub_core.settling import BATCH, BATCH_BYTES, settle
from airnub_core.store.index import Index, Known
from airnub_core.store.index.protocol import CLAIMED
from airnub_core.store.manifest import url_digest
from airnub_core.store.protocol import Store
from airnub_core.store.provenance import Asked

MANY = 1000
"""Items from which on a process beside this one pays: it takes a tenth of a second to start."""
PROCESSES = 2
"""A third was slower, on two cores."""
_DEALT_AT_ONCE = 250
_OUT_PER_HOST = 2000
"""Jobs of one host that are dealt out and not back: enough to go on while a batch is settled."""
_SHARED_AT_ONCE = 64
"""At least, where others share the index: what one has taken, and is not done with, the others wait for at the end."""
_LOOK_EVERY = 0.5
"""Seconds after which it is looked again at what is left to others, where there is nothing else to do."""
_LONGEST_UNSETTLED = 2.0
"""Seconds that an item which has come waits for others to be settled with."""


class Downloads:
    """One call's items; `run` may be stopped from another thread."""

    def __init__(
        self,
        store: Store,
        index: Index,
        setting: Setting,
        network: NetworkSettings,
        *,
        force: bool,
        processes: int | None,
        on_outcomes: Callable[[list[Outcome]], None],
    ) -> None:
        """Prepare.

        Args:
            store: where to.
            index: what is known of URLs.
            setting: for the crew.
            network: limits of all items together.
            force: fetch also what the server would say is unchanged.
            processes: how many downloaders; `None` for as many as pay.
            on_outcomes: told outcomes as soon as they are certain, from the thread that runs.
        """
        self._store = store
        self._index = index
        self._setting = setting
        self._network = network
        self._force = force
        self._processes = processes
        self._on_outcomes = on_outcomes
        self._stopping = threading.Event()
        self._crew: Crew | None = None

    def stop(self) -> None:
        """Give up on what has not come; what has is settled, and `run` returns soon."""
        self._stopping.set()
        if self._crew is not None:
            self._crew.stop()

    def run(self, items: Sequence[Item]) -> list[Outcome | None]:
        """Outcomes in the order of the items; `None` only for those that were not reached before a stop.

        Raises:
            StoreError: the store cannot be written; what came before is settled.
            WorkerLostError: a process that downloads ended by itself.
        """
        outcomes: list[Outcome | None] = [None] * len(items)
        if not items:
            return outcomes
        at_once, out = _DEALT_AT_ONCE, _OUT_PER_HOST
        if self._index.shared:
            at_once = max(_SHARED_AT_ONCE, self._network.connections)
            out = 2 * at_once
        batch = _Batch(self._store, self._index, items, outcomes, self._on_outcomes, min(BATCH, out))
        processes = self._processes or _processes_for(items, self._network)
        broken: IngestError | None = None
        with Crew(self._setting, processes) as crew:
            self._crew = crew
            dealer = _Dealer(items, self._index, at_once, out, force=self._force, members=len(crew))
            if self._stopping.is_set():
                crew.stop()
            try:
                dealer.deal(crew, batch)
                for packet in crew.results():
                    for result in packet:
                        if isinstance(result, Broken):
                            broken = broken or result.error
                            crew.stop()
                        else:
                            dealer.back(result.number)
                            batch.add(result, dealer.known.pop(result.number, None))
                    if broken is None and not self._stopping.is_set():
                        dealer.deal(crew, batch)
                    if batch.is_due() or not dealer.known:
                        batch.settle()
            finally:
                # Also when the run is cancelled or the disk is full: what is whole is not fetched again.
                batch.settle()
                dealer.release()
        if broken is not None:
            raise broken
        return outcomes


class _Batch:
    """What has come and is not settled yet."""

    def __init__(
        self,
        store: Store,
        index: Index,
        items: Sequence[Item],
        outcomes: list[Outcome | None],
        on_outcomes: Callable[[list[Outcome]], None],
        full: int,
    ) -> None:
        self.store, self._index, self._full = store, index, full
        self._items, self._outcomes, self._on_outcomes = items, outcomes, on_outcomes
        self._places: list[int] = []
        self._arrivals: list[Arrival] = []
        self._bytes = 0
        self._since = 0.0

    def add(self, result: Result, known: tuple[str, Known | None] | None) -> None:
        assert known is not None, "what comes back was dealt out once"
        if isinstance(result, Failed):
            item = self._items[result.number]
            error = result.error
            failed = Outcome(item.source, Kind.FAILED, url=redact_url(item.url), attempts=error.attempts, error=error)
            self._index.release([known[0]])
            self.tell([result.number], [failed])
            return
        assert not isinstance(result, Broken), "a store that is broken is nobody's outcome"
        staged = result.staged if isinstance(result, Fetched) else None
        if not self._arrivals:
            self._since = monotonic()
        self._places.append(result.number)
        self._arrivals.append(
            Arrival(
                self._items[result.number],
                known[0],
                known[1],
                staged,
                result.attempts,
                result.etag,
                result.last_modified,
            )
        )
        self._bytes += staged.size if staged is not None else 0

    def is_due(self) -> bool:
        """Whether it is large or old enough."""
        full = len(self._arrivals) >= self._full or self._bytes >= BATCH_BYTES
        return full or bool(self._arrivals and monotonic() - self._since >= _LONGEST_UNSETTLED)

    def settle(self) -> None:
        places, arrivals = self._places, self._arrivals
        self._places, self._arrivals, self._bytes = [], [], 0
        if not arrivals:
            return
        settled = settle(self.store, self._index, arrivals)
        self._index.release(arrival.url_digest for arrival in arrivals)
        self.tell(places, settled.outcomes)
        if settled.error is not None:
            raise settled.error

    def tell(self, places: Sequence[int], outcomes: Sequence[Outcome | None]) -> None:
        for place, outcome in zip(places, outcomes, strict=True):
            self._outcomes[place] = outcome
        self._on_outcomes([outcome for outcome in outcomes if outcome is not None])


class _Dealer:
    """Deals jobs out, hosts in turn, so that a slow host does not hold all that is out.

    Workers that share an index begin in different places, and leave to each other what they have claimed. What another
    has asked since this run began is done; what it has given up is up for whoever comes first.
    """

    def __init__(
        self, items: Sequence[Item], index: Index, at_once: int, out: int, *, force: bool, members: int
    ) -> None:
        self._items, self._index, self._force, self._members = items, index, force, members
        self._at_once, self._most_out = at_once, out
        self.known: dict[int, tuple[str, Known | None]] = {}
        """URL digest and what the index knows, of what is dealt out."""
        self._started = index.now()
        self._queues: dict[str, deque[int]] = {}
        self._left_to_others: list[int] = []
        self._next_claim = self._next_look = 0.0
        self._all_dealt = False
        first = random.randrange(len(items)) if index.shared else 0  # noqa: S311  # no secret
        self._hosts = [intern(host_of(item.url)) for item in items]
        self._out: Counter[str] = Counter()
        self._limits: dict[int, Limits] = {}
        self._queue([*range(first, len(items)), *range(first)])

    def _queue(self, places: Iterable[int]) -> None:
        for place in places:
            self._queues.setdefault(self._hosts[place], deque()).append(place)

    def release(self) -> None:
        """Nothing more comes back."""
        self._index.release([digest for digest, _ in self.known.values()])

    def back(self, place: int) -> None:
        self._out[self._hosts[place]] -= 1

    def deal(self, crew: Crew, batch: _Batch) -> None:
        """Deal as much as may be out; tell the crew when that was all."""
        now = monotonic()
        if now >= self._next_claim:
            self._claim([])  # what is out stays ours
        if self._all_dealt:
            return
        if not self._queues and now >= self._next_look:
            self._queue(self._left_to_others)
            self._left_to_others.clear()
            self._next_look = now + _LOOK_EVERY
        while places := self._take():
            jobs = self._jobs(places, batch)
            if jobs:
                crew.add(jobs)
        if not self._queues and not self._left_to_others:
            self._all_dealt = True
            crew.close()

    def _take(self) -> list[int]:
        places: list[int] = []
        for host in list(self._queues):
            queue = self._queues[host]
            room = min(self._at_once, self._most_out - self._out[host], len(queue))
            if room < min(self._at_once, len(queue)):
                continue
            places += [queue.popleft() for _ in range(room)]
            self._out[host] += room
            if not queue:
                del self._queues[host]
            if len(places) >= self._at_once:
                break
        return places

    def _jobs(self, places: Sequence[int], batch: _Batch) -> list[Job]:
        digests = {place: url_digest(self._items[place].url) for place in places}
        of_source: dict[str, list[str]] = {}
        for place in places:
            of_source.setdefault(self._items[place].source, []).append(digests[place])
        # Claimed before they are looked up: what another has done in between is known then.
        claimed = self._claim(digests.values())
        known = {source: self._index.lookup(source, asked) for source, asked in of_source.items()}
        jobs: list[Job] = []
        done: dict[int, Known] = {}
        for place in places:
            item, digest = self._items[place], digests[place]
            found = known[item.source].get(digest)
            if found is not None and not batch.store.has(found.path, found.size):
                found = None
            if found is not None and not self._force and found.checked_at >= self._started:
                done[place] = found
            elif digest not in claimed:
                self._left_to_others.append(place)
            else:
                self.known[place] = digest, found
                jobs.append(self._job(place, item, digest, found))
                continue
            self.back(place)
        if done:
            self._index.release(digests[place] for place in done)
            batch.tell(list(done), [_done_by_another(found) for found in done.values()])
        return jobs

    def _claim(self, digests: Collection[str]) -> set[str]:
        self._next_claim = monotonic() + CLAIMED / 4
        return set(digests) if self._force else self._index.claim(digests)

    def _job(self, place: int, item: Item, digest: str, found: Known | None) -> Job:
        etag, last_modified = (None, None) if self._force else validators(found)
        previous = None if found is None else found.digest
        asked = Asked(item.source, item.url, digest, item.page, item.title, previous)
        return Job(place, asked, self._limits_of(item.network), item.headers, etag, last_modified)

    def _limits_of(self, network: NetworkSettings) -> Limits:
        """Of one member of the crew: its share. One value for all items of a source, which travels once a packet."""
        limits = self._limits.get(id(network))
        if limits is None:
            limits = network.limits()
            limits = limits._replace(connections_per_host=max(1, limits.connections_per_host // self._members))
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


def _processes_for(items: Sequence[Item], network: NetworkSettings) -> int:
    """Several only for many items, on several cores, and where the limits can be shared without being exceeded."""
    if len(items) < MANY or (os.cpu_count() or 1) < PROCESSES or network.connections < PROCESSES:
        return 1
    networks = {id(item.network): item.network for item in items}.values()
    shareable = all(
        one.connections_per_host >= PROCESSES and one.requests_per_second_per_host is None for one in networks
    )
    return PROCESSES if shareable else 1

"""Downloads: many items at a time, dealt out to a crew, settled in batches as they come back.

It runs in a thread of its own, beside the event loop of whoever asked.
"""

import os
import threading
from collections.abc import Callable, Sequence

from airnub_core.arrival import Item
from airnub_core.batches import Batches
from airnub_core.dealing import Dealer
from airnub_core.errors import IngestError, StoreError
from airnub_core.garbage import collected_rarely
from airnub_core.http.client import Client
from airnub_core.http.request import Failed, Result, StoreFailure
from airnub_core.http.settings import NetworkSettings
from airnub_core.http.worker_pool import DownloaderConfig, WorkerPool
from airnub_core.outcome import Outcome
from airnub_core.settling import BATCH
from airnub_core.store.index import Index, Run
from airnub_core.store.protocol import Store

MANY = 250
"""Items from which on a process beside this one pays; it takes a tenth of a second to start, which nobody waits for."""
PROCESSES = 2
"""A third was slower, on two cores."""


class Downloads:
    """One call's items; `run` may be stopped from another thread."""

    def __init__(
        self,
        store: Store,
        index: Index,
        setting: DownloaderConfig,
        network: NetworkSettings,
        *,
        force: bool,
        processes: int | None,
        run: Run,
        on_outcomes: Callable[[list[Outcome]], None],
        client: Client | None = None,
    ) -> None:
        """Prepare.

        Args:
            store: where to.
            index: what is known of URLs.
            setting: for the crew.
            network: limits of all items together.
            force: fetch also what the server would say is unchanged.
            processes: how many downloaders; `None` for as many as pay.
            run: the run that URLs which are not found are noted for (`on_gone: withdraw`).
            on_outcomes: told outcomes as soon as they are certain, from the thread that runs.
            client: makes the requests of this process; `None` for one of its own.
        """
        self._store = store
        self._index = index
        self._setting = setting
        self._network = network
        self._force = force
        self._processes = processes
        self._run = run
        self._on_outcomes = on_outcomes
        self._client = client
        self._stopping = threading.Event()
        self._crew: WorkerPool | None = None

    def stop(self) -> None:
        """Give up on what has not come; what has is settled, and `run` returns soon."""
        self._stopping.set()
        if self._crew is not None:
            self._crew.stop()

    def run(self, items: Sequence[Item]) -> list[Outcome | None]:
        """Outcomes in the order of the items; `None` only for those that were not reached before a stop.

        Raises:
            StoreError: the store cannot be written; what came before is settled.
        """
        if not items:
            return []
        processes = self._processes or _processes_for(items, self._network)
        with collected_rarely(), WorkerPool(self._setting, processes, self._client) as crew:
            self._crew = crew
            connections = self._network.connections
            dealer = Dealer(items, self._store, self._index, crew, connections=connections, force=self._force)
            full = dealer.most_out if self._index.shared else BATCH
            batches = Batches(self._store, self._index, items, self._on_outcomes, full, self._run)
            has_worked = False
            try:
                self._work(crew, dealer, batches)
                has_worked = True
            finally:
                # Also when the run is cancelled or the disk is full: what is whole is not fetched again.
                crew.stop()
                for packet in crew.rest():
                    _take(packet, dealer, batches)
                try:
                    batches.close()
                except StoreError:
                    if has_worked:  # else what went wrong first is told
                        raise
                finally:
                    dealer.release()
        return batches.outcomes

    def _work(self, crew: WorkerPool, dealer: Dealer, batches: Batches) -> None:
        if self._stopping.is_set():
            crew.stop()
        broken: IngestError | None = None
        _deal(dealer, batches)
        for packet in crew.results():
            broken = _take(packet, dealer, batches) or broken
            if broken is not None or batches.has_failed:
                crew.stop()
            elif not self._stopping.is_set() and not batches.is_behind:
                _deal(dealer, batches)
            batches.settle_due(now=dealer.is_idle)
        if broken is not None:
            raise broken


def _deal(dealer: Dealer, batches: Batches) -> None:
    done = dealer.deal()
    if done:
        batches.tell(list(done), list(done.values()))


def _take(packet: Sequence[Result], dealer: Dealer, batches: Batches) -> IngestError | None:
    """Take results in; what keeps the store from being written, where something does."""
    broken: IngestError | None = None
    for result in packet:
        if isinstance(result, StoreFailure):
            broken = broken or result.error
            continue
        digest, known = dealer.back(result.number)
        if isinstance(result, Failed):
            dealer.failed(digest)
            batches.fail(result, digest, known)
        else:
            batches.add(result, digest, known)
    return broken


def _processes_for(items: Sequence[Item], network: NetworkSettings) -> int:
    """Several only for many items, on several cores, and where the limits can be shared without being exceeded."""
    if len(items) < MANY or (os.cpu_count() or 1) < PROCESSES or network.connections < PROCESSES:
        return 1
    networks = {id(item.network): item.network for item in items}.values()
    shareable = all(
        one.connections_per_host >= PROCESSES and one.requests_per_second_per_host is None for one in networks
    )
    return PROCESSES if shareable else 1

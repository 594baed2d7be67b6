"""Downloads: many items at a time, dispatched to downloaders, committed in batches as they come back.

It runs in a thread of its own, beside the event loop of its caller.
"""

import os
import threading
from collections.abc import Callable, Sequence

from airnub_core.commit import BATCH, CommitQueue
from airnub_core.dispatcher import Dispatcher
from airnub_core.errors import IngestError, StoreError
from airnub_core.http.client import Client
from airnub_core.http.downloader import DownloaderConfig, Result
from airnub_core.http.request import Response
from airnub_core.http.settings import NetworkSettings
from airnub_core.http.worker_pool import WorkerPool
from airnub_core.items import Item
from airnub_core.outcome import Outcome
from airnub_core.store.index import Index, Run
from airnub_core.store.protocol import Store

MANY = 250
"""Items from which on a process beside this one pays; it starts in a tenth of a second, beside the first downloads."""
PROCESSES = 2
"""A third was slower, on two cores."""


class Downloads:
    """One call's items; `run` may be stopped from another thread."""

    def __init__(
        self,
        store: Store,
        index: Index,
        config: DownloaderConfig,
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
            config: for the pool.
            network: limits of all items together.
            force: fetch also what the server would say is unchanged.
            processes: how many downloaders; `None` for as many as pay.
            run: the run that URLs which are not found are noted for (`on_gone: withdraw`).
            on_outcomes: called with outcomes as soon as they are certain, from any thread.
            client: makes the requests of this process; `None` for one of its own.
        """
        self._store = store
        self._index = index
        self._config = config
        self._network = network
        self._force = force
        self._processes = processes
        self._run = run
        self._on_outcomes = on_outcomes
        self._client = client
        self._stopping = threading.Event()
        self._pool: WorkerPool | None = None

    def stop(self) -> None:
        """Give up on what has not come; what has is settled, and `run` returns soon."""
        self._stopping.set()
        if self._pool is not None:
            self._pool.stop()

    def run(self, items: Sequence[Item]) -> list[Outcome | None]:
        """Outcomes in the order of the items; `None` only for those that were not reached before a stop.

        Raises:
            StoreError: the store cannot be written; what came before is settled.
        """
        if not items:
            return []
        processes = self._processes or _processes_for(items, self._network)
        with WorkerPool(self._config, processes, self._client) as pool:
            self._pool = pool
            connections = self._network.connections
            dispatcher = Dispatcher(items, self._store, self._index, pool, connections=connections, force=self._force)
            full = dispatcher.max_in_flight if self._index.shared else BATCH
            commits = CommitQueue(self._store, self._index, items, self._on_outcomes, full, self._run)
            has_worked = False
            try:
                self._work(pool, dispatcher, commits)
                has_worked = True
            finally:
                # Also when the run is cancelled or the disk is full: what is whole is not fetched again.
                pool.stop()
                for packet in pool.rest():
                    _take(packet, dispatcher, commits)
                try:
                    commits.close()
                except StoreError:
                    if has_worked:  # else what went wrong first is raised
                        raise
                finally:
                    dispatcher.release()
        return commits.outcomes

    def _work(self, pool: WorkerPool, dispatcher: Dispatcher, commits: CommitQueue) -> None:
        if self._stopping.is_set():
            pool.stop()
        broken: IngestError | None = None
        _dispatch(dispatcher, commits)
        for packet in pool.results():
            broken = _take(packet, dispatcher, commits) or broken
            if broken is not None or commits.has_failed:
                pool.stop()
            elif not self._stopping.is_set() and not commits.is_behind:
                _dispatch(dispatcher, commits)
            commits.commit_due(now=dispatcher.waits_for_others)
        if broken is not None:
            raise broken


def _dispatch(dispatcher: Dispatcher, commits: CommitQueue) -> None:
    done = dispatcher.dispatch()
    if done:
        commits.report(list(done), list(done.values()))


def _take(packet: Sequence[Result], dispatcher: Dispatcher, commits: CommitQueue) -> IngestError | None:
    """Take results in; what keeps the store from being written, where something does."""
    broken: IngestError | None = None
    for result in packet:
        if not isinstance(result, Response):
            broken = broken or result
            continue
        dispatcher.back(result.request)
        if result.error is not None:
            dispatcher.failed(result.request.url_digest)
        commits.add(result)
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

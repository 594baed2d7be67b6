"""Downloads: dispatch many items to a worker pool, and commit their responses in batches.

They run in a thread of their own, beside the event loop of the caller.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain

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
from airnub_core.store.base import Store
from airnub_core.store.index import Index, Run

MANY = 250
"""Items from which on a second process is faster; it starts in 0.1 s while the first downloads are running."""
PROCESSES = 2
"""Most downloading processes by default; a third one was slower on two cores."""


@dataclass(kw_only=True, eq=False)
class Downloads:
    """Downloads the items of one call; nothing is started before `run`. `stop` may be called from any thread."""

    store: Store
    """The store that responses are published to."""
    index: Index
    """The index, which has the last known state of each URL."""
    config: DownloaderConfig
    """Configuration of the downloaders."""
    network: NetworkSettings
    """Limits of all items together."""
    force: bool
    """Whether to send no validators, so that unchanged files are fetched again."""
    processes: int | None
    """Number of downloaders; `None` chooses by the number of items."""
    run_of: Run
    """The run under which missing URLs are noted (`on_gone: withdraw`)."""
    on_outcomes: Callable[[list[Outcome]], object]
    """Called with outcomes as soon as they are final, from any thread."""
    client: Client
    """The HTTP client of this process."""
    _stopping: bool = field(default=False, init=False)
    _pool: WorkerPool | None = field(default=None, init=False)

    def stop(self) -> None:
        """Cancel open requests; completed responses are committed, and `run` returns soon."""
        self._stopping = True
        if self._pool is not None:
            self._pool.stop()

    def run(self, items: Sequence[Item]) -> list[Outcome | None]:
        """Download items and return their outcomes, in the order of the items; `None` for each not done before `stop`.

        Raises:
            StoreError: the store cannot be written; responses that arrived before are committed.
        """
        if not items:
            return []
        processes = self.processes or _processes_for(items, self.network)
        with WorkerPool(self.config, processes, self.client) as pool:
            self._pool = pool
            connections = self.network.connections
            dispatcher = Dispatcher(items, self.store, self.index, pool, connections=connections, force=self.force)
            full = dispatcher.max_in_flight if self.index.shared else BATCH
            commits = CommitQueue(self.store, self.index, items, self.on_outcomes, full, self.run_of)
            has_worked = False
            try:
                self._work(pool, dispatcher, commits)
                has_worked = True
            finally:
                # Also when the run is cancelled or the disk is full, so that complete files are not fetched again.
                pool.stop()
                for packet in pool.rest():
                    _take(packet, dispatcher, commits)
                try:
                    commits.close()
                except StoreError:
                    if has_worked:  # otherwise the first error is being raised
                        raise
                finally:
                    dispatcher.release()
        return commits.outcomes

    def _work(self, pool: WorkerPool, dispatcher: Dispatcher, commits: CommitQueue) -> None:
        if self._stopping:
            pool.stop()
        broken: IngestError | None = None
        nothing: list[Result] = []
        # The first jobs are dispatched before there are results.
        for packet in chain([nothing], pool.results()):
            broken = _take(packet, dispatcher, commits) or broken
            if broken is not None or commits.has_failed:
                pool.stop()
            elif not self._stopping and not commits.is_behind and (done := dispatcher.dispatch()):
                commits.report(list(done), list(done.values()))
            commits.commit_due(now=dispatcher.waits_for_others)
        if broken is not None:
            raise broken


def _take(packet: Sequence[Result], dispatcher: Dispatcher, commits: CommitQueue) -> IngestError | None:
    """Add results to the commit queue; returns the first error that keeps the store from being written, if any."""
    responses = [result for result in packet if isinstance(result, Response)]
    dispatcher.back(responses)
    commits.add(responses)
    return next((result for result in packet if not isinstance(result, Response)), None)


def _processes_for(items: Sequence[Item], network: NetworkSettings) -> int:
    """More than one process only for many items, on several cores, and if the limits can be split between processes."""
    if len(items) < MANY or (os.cpu_count() or 1) < PROCESSES or network.connections < PROCESSES:
        return 1
    networks = {id(item.network): item.network for item in items}.values()
    shareable = all(
        one.connections_per_host >= PROCESSES and one.requests_per_second_per_host is None for one in networks
    )
    return PROCESSES if shareable else 1

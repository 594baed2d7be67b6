"""Batches: what has come is collected, and settled many at a time, in a thread beside those that deal and download."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic

from airnub_common import redact_url
from airnub_core.arrival import Arrival, Item
from airnub_core.http.request import Failed, Fetched, NotModified
from airnub_core.outcome import Kind, Outcome
from airnub_core.settling import BATCH_BYTES, settle
from airnub_core.store.index import Index, Known, Run
from airnub_core.store.protocol import Store
from airnub_core.withdrawing import Unavailable, settle_unavailable

_LONGEST_UNSETTLED = 2.0
"""Seconds that an item which has come waits for others to be settled with."""
_MOST_WAITING = 2
"""Batches that may wait to be settled; then the disk is slower than the network."""


class Batches:
    """The way of one call's items from their arrival to their outcomes; one thread adds."""

    def __init__(
        self,
        store: Store,
        index: Index,
        items: Sequence[Item],
        on_outcomes: Callable[[list[Outcome]], None],
        full: int,
        run: Run,
    ) -> None:
        """Begin.

        Args:
            store: where to.
            index: learns what was stored.
            items: those of the call.
            on_outcomes: told outcomes as soon as they are certain, from any thread.
            full: items that are a batch.
            run: the run that URLs which are not found are noted for (`on_gone: withdraw`).
        """
        self.outcomes: list[Outcome | None] = [None] * len(items)
        """In the order of the items; `None` for those that are not certain yet."""
        self._store, self._index, self._full = store, index, full
        self._items, self._on_outcomes, self._run = items, on_outcomes, run
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="airnub-settle")
        self._settled: list[Future[None]] = []
        self._places: list[int] = []
        self._arrivals: list[Arrival] = []
        self._unavailable: dict[int, Unavailable] = {}
        """By place, items that failed and that may be withdrawn for it."""
        self._bytes = 0
        self._since = 0.0

    @property
    def is_behind(self) -> bool:
        """Whether more comes than can be settled."""
        return sum(not one.done() for one in self._settled[-_MOST_WAITING:]) >= _MOST_WAITING

    @property
    def has_failed(self) -> bool:
        """Whether something could not be settled; `close` says what."""
        return any(one.done() and one.exception() is not None for one in self._settled[-_MOST_WAITING - 1 :])

    def add(self, result: Fetched | NotModified, url_digest: str, known: Known | None) -> None:
        """An item has come.

        Args:
            result: what came.
            url_digest: of its URL.
            known: what the index knew of it.
        """
        self._wait()
        staged = result.staged if isinstance(result, Fetched) else None
        self._places.append(result.number)
        self._arrivals.append(
            Arrival(
                self._items[result.number],
                url_digest,
                known,
                staged,
                result.attempts,
                result.sent_at,
                result.etag,
                result.last_modified,
            )
        )
        self._bytes += staged.size if staged is not None else 0

    def fail(self, result: Failed, url_digest: str, known: Known | None) -> None:
        """An item cannot be had, which is certain at once, except where its URL may be withdrawn for it.

        Args:
            result: why.
            url_digest: of its URL.
            known: what the index knew of it.
        """
        item, error = self._items[result.number], result.error
        if item.withdraws:
            self._wait()
            self._unavailable[result.number] = Unavailable(item, url_digest, known, error)
            return
        url = redact_url(item.url)
        failed = Outcome(item.source, Kind.FAILED, url=url, attempts=error.attempts, error=error)
        self.tell([result.number], [failed])

    def tell(self, places: Sequence[int], outcomes: Sequence[Outcome | None]) -> None:
        """These items have ended so; `None` where that is not certain."""
        for place, outcome in zip(places, outcomes, strict=True):
            self.outcomes[place] = outcome
        self._on_outcomes([outcome for outcome in outcomes if outcome is not None])

    def settle_due(self, *, now: bool = False) -> None:
        """Settle what has come when it is much or has waited long; or now."""
        waiting = len(self._arrivals) + len(self._unavailable)
        full = waiting >= self._full or self._bytes >= BATCH_BYTES
        if waiting and (full or now or monotonic() - self._since >= _LONGEST_UNSETTLED):
            self._settled.append(self._thread.submit(self._settle, self._places, self._arrivals, self._unavailable))
            self._places, self._arrivals, self._unavailable, self._bytes = [], [], {}, 0

    def close(self) -> None:
        """Settle what has come, and wait until all is settled.

        Raises:
            StoreError: the store could not be written at some time; what could be settled is.
        """
        self.settle_due(now=True)
        self._thread.shutdown()
        for one in self._settled:
            one.result()

    def _wait(self) -> None:
        if not self._arrivals and not self._unavailable:
            self._since = monotonic()

    def _settle(
        self, places: Sequence[int], arrivals: Sequence[Arrival], unavailable: Mapping[int, Unavailable]
    ) -> None:
        if unavailable:
            gone = settle_unavailable(self._store, self._index, self._run, list(unavailable.values()))
            self.tell(list(unavailable), gone)
        if not arrivals:
            return
        settled = settle(self._store, self._index, arrivals)
        self._index.release(arrival.url_digest for arrival in arrivals)
        self.tell(places, settled.outcomes)
        if settled.error is not None:
            raise settled.error

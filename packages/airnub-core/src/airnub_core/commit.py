"""Commit: what has come is published and made durable, then recorded in the index, then reported as outcomes.

Many items at a time, in a thread beside those that dispatch and download.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import NamedTuple

from airnub_common import redact_url
from airnub_core.errors import StoreError
from airnub_core.http.request import Failed, Fetched, NotModified
from airnub_core.items import FetchResult, Item
from airnub_core.outcome import Outcome, Status
from airnub_core.store.index import Index, IndexRow, Run
from airnub_core.store.index.merge import is_later
from airnub_core.store.protocol import PublishResult, Store
from airnub_core.withdrawing import Unavailable, commit_unavailable

BATCH = 1000
"""Items that are made durable and indexed together; with fewer, syncing costs more, and more gain nothing."""
BATCH_BYTES = 256 * 1024 * 1024
_LONGEST_WAIT = 2.0
"""Seconds that an item which has come waits for others to be committed with."""
_MOST_WAITING = 2
"""Batches that may wait to be committed; then the disk is slower than the network."""
_VALIDATORS = IndexRow._fields.index("etag")


class CommitResult(NamedTuple):
    """What became of arrivals: the outcomes of those that are certain, `None` for the others, and why."""

    outcomes: list[Outcome | None]
    error: StoreError | None


def commit_batch(store: Store, index: Index, arrivals: Sequence[FetchResult]) -> CommitResult:
    """Outcomes of arrivals, in their order; what cannot be stored keeps nothing else from it.

    Raises:
        StoreError: the disk took none of them, or the index did not. Nothing of it is called stored.
    """
    try:
        published = iter(store.publish([arrival.staged for arrival in arrivals if arrival.staged is not None]))
    except OSError as error:
        raise StoreError.of(error, store.name) from error
    outcomes: list[Outcome | None] = [None] * len(arrivals)
    places: list[int] = []
    rows: list[IndexRow] = []
    seen: list[IndexRow | None] = []
    new: set[int] = set()
    failed: StoreError | None = None
    for place, arrival in enumerate(arrivals):
        if arrival.staged is None:
            row = _confirmed(arrival)
        else:
            lies = next(published)
            if isinstance(lies, StoreError):
                failed = failed or lies
                continue
            row = _row(arrival, lies)
            if lies.new:
                new.add(place)
        places.append(place)
        rows.append(row)
        seen.append(arrival.known)
    met = index.record(rows, seen)
    for number, (place, row, known) in enumerate(zip(places, rows, seen, strict=True)):
        before = _before(row, known, met[number]) if number in met else known
        outcomes[place] = _outcome(arrivals[place].attempts, _kind(row, before, is_new=place in new), row)
    return CommitResult(outcomes, failed)


def _before(row: IndexRow, known: IndexRow | None, met: IndexRow) -> IndexRow | None:
    """What an answer is compared with where another run has recorded something else since it was looked up.

    With that, except where it is newer and of other bytes: then the answer is still what this run has brought.
    """
    return met if is_later(met, row) or met.digest == row.digest else known


def _kind(row: IndexRow, before: IndexRow | None, *, is_new: bool) -> Status:
    if before is None:
        return Status.STORED
    if before.digest != row.digest:
        return Status.UPDATED
    return Status.STORED if is_new else Status.UNCHANGED


def _outcome(attempts: int, kind: Status, row: IndexRow) -> Outcome:
    return Outcome(
        source=row.source,
        kind=kind,
        url=row.url,
        digest=row.digest,
        path=row.path,
        manifest=row.manifest,
        size=row.size,
        attempts=attempts,
    )


def _confirmed(arrival: FetchResult) -> IndexRow:
    """The same bytes, maybe under other validators."""
    known = arrival.known
    assert known is not None, "only what is known is asked with validators"
    etag, last_modified = arrival.etag or known.etag, arrival.last_modified or known.last_modified
    # For every file that is unchanged, and `_replace` takes twice as long.
    return IndexRow._make((*known[:_VALIDATORS], etag, last_modified, arrival.sent_at, known.changed_at))


def _row(arrival: FetchResult, published: PublishResult) -> IndexRow:
    known, digest = arrival.known, arrival.digest
    return IndexRow(
        source=arrival.item.source,
        url_digest=arrival.url_digest,
        url=redact_url(arrival.item.url),
        digest=digest,
        path=published.path,
        size=arrival.size,
        manifest=published.manifest_path,
        etag=arrival.etag,
        last_modified=arrival.last_modified,
        checked_at=arrival.sent_at,
        changed_at=arrival.sent_at if known is None or known.digest != digest else known.changed_at,
    )


class CommitQueue:
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
            on_outcomes: called with outcomes as soon as they are certain, from any thread.
            full: items that are a batch.
            run: the run that URLs which are not found are noted for (`on_gone: withdraw`).
        """
        self.outcomes: list[Outcome | None] = [None] * len(items)
        """In the order of the items; `None` for those that are not certain yet."""
        self._store, self._index, self._full = store, index, full
        self._items, self._on_outcomes, self._run = items, on_outcomes, run
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="airnub-commit")
        self._commits: list[Future[None]] = []
        self._places: list[int] = []
        self._arrivals: list[FetchResult] = []
        self._unavailable: dict[int, Unavailable] = {}
        """By place, items that failed and that may be withdrawn for it."""
        self._bytes = 0
        self._since = 0.0

    @property
    def is_behind(self) -> bool:
        """Whether more comes than can be committed."""
        return sum(not one.done() for one in self._commits[-_MOST_WAITING:]) >= _MOST_WAITING

    @property
    def has_failed(self) -> bool:
        """Whether something could not be committed; `close` raises why."""
        return any(one.done() and one.exception() is not None for one in self._commits[-_MOST_WAITING - 1 :])

    def add(self, result: Fetched | NotModified, url_digest: str, known: IndexRow | None) -> None:
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
            FetchResult(
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

    def fail(self, result: Failed, url_digest: str, known: IndexRow | None) -> None:
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
        failed = Outcome(item.source, Status.FAILED, url=url, attempts=error.attempts, error=error)
        self.report([result.number], [failed])

    def report(self, places: Sequence[int], outcomes: Sequence[Outcome | None]) -> None:
        """These items have ended so; `None` where that is not certain."""
        for place, outcome in zip(places, outcomes, strict=True):
            self.outcomes[place] = outcome
        self._on_outcomes([outcome for outcome in outcomes if outcome is not None])

    def commit_due(self, *, now: bool = False) -> None:
        """Commit what has come when it is much or has waited long; or now."""
        waiting = len(self._arrivals) + len(self._unavailable)
        full = waiting >= self._full or self._bytes >= BATCH_BYTES
        if waiting and (full or now or monotonic() - self._since >= _LONGEST_WAIT):
            self._commits.append(self._thread.submit(self._commit, self._places, self._arrivals, self._unavailable))
            self._places, self._arrivals, self._unavailable, self._bytes = [], [], {}, 0

    def close(self) -> None:
        """Commit what has come, and wait until all is committed.

        Raises:
            StoreError: the store could not be written at some time; what could be committed is.
        """
        self.commit_due(now=True)
        self._thread.shutdown()
        for one in self._commits:
            one.result()

    def _wait(self) -> None:
        if not self._arrivals and not self._unavailable:
            self._since = monotonic()

    def _commit(
        self, places: Sequence[int], arrivals: Sequence[FetchResult], unavailable: Mapping[int, Unavailable]
    ) -> None:
        if unavailable:
            gone = commit_unavailable(self._store, self._index, self._run, list(unavailable.values()))
            self.report(list(unavailable), gone)
        if not arrivals:
            return
        settled = commit_batch(self._store, self._index, arrivals)
        self._index.release(arrival.url_digest for arrival in arrivals)
        self.report(places, settled.outcomes)
        if settled.error is not None:
            raise settled.error

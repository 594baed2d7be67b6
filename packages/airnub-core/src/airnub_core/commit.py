"""Commit: what has come is published and made durable, then recorded in the index, then reported as outcomes.

Many items at a time, in a thread beside those that dispatch and download.
"""

from collections.abc import Callable, Sequence
from time import monotonic

from airnub_common import ALGORITHM, redact_url
from airnub_core.errors import StoreError
from airnub_core.http.io_threads import SerialExecutor
from airnub_core.http.request import Response
from airnub_core.items import Item
from airnub_core.outcome import Outcome, Status
from airnub_core.store.index import Index, IndexRow, Run
from airnub_core.store.index.merge import is_later
from airnub_core.store.protocol import PublishResult, Store
from airnub_core.withdrawing import commit_unavailable

BATCH = 1000
"""Items that are made durable and indexed together; with fewer, syncing costs more, and more gain nothing."""
BATCH_BYTES = 256 * 1024 * 1024
_LONGEST_WAIT = 2.0
"""Seconds that an item which has come waits for others to be committed with."""
_MOST_WAITING = 2
"""Batches that may wait to be committed; then the disk is slower than the network."""
_VALIDATORS = IndexRow._fields.index("etag")


def commit_batch(
    store: Store, index: Index, responses: Sequence[Response]
) -> tuple[list[Outcome | None], StoreError | None]:
    """Outcomes of responses, in their order, `None` for what could not be stored, and why; it keeps nothing else from
    it.

    Raises:
        StoreError: the disk took none of them, or the index did not. Nothing of it is called stored.
    """
    try:
        published = iter(store.publish([response.staged for response in responses if response.staged is not None]))
    except OSError as error:
        raise StoreError.of(error, store.name) from error
    outcomes: list[Outcome | None] = [None] * len(responses)
    places: list[int] = []
    rows: list[IndexRow] = []
    seen: list[IndexRow | None] = []
    new: set[int] = set()
    failed: StoreError | None = None
    for place, response in enumerate(responses):
        if response.staged is None:
            row = _confirmed(response)
        else:
            lies = next(published)
            if isinstance(lies, StoreError):
                failed = failed or lies
                continue
            row = _row(response, lies)
            if lies.new:
                new.add(place)
        places.append(place)
        rows.append(row)
        seen.append(response.request.known)
    met = index.record(rows, seen)
    for number, (place, row, known) in enumerate(zip(places, rows, seen, strict=True)):
        before = _before(row, known, met[number]) if number in met else known
        if before is None or (before.digest == row.digest and place in new):
            status = Status.STORED
        else:
            status = Status.UNCHANGED if before.digest == row.digest else Status.UPDATED
        outcomes[place] = Outcome(
            source=row.source,
            kind=status,
            url=row.url,
            digest=row.digest,
            path=row.path,
            manifest=row.manifest,
            size=row.size,
            attempts=responses[place].attempts,
        )
    return outcomes, failed


def _before(row: IndexRow, known: IndexRow | None, met: IndexRow) -> IndexRow | None:
    """What an answer is compared with where another run has recorded something else since it was looked up.

    With that, except where it is newer and of other bytes: then the answer is still what this run has brought.
    """
    return met if is_later(met, row) or met.digest == row.digest else known


def _confirmed(response: Response) -> IndexRow:
    """The same bytes, maybe under other validators."""
    known, headers = response.request.known, response.headers
    assert known is not None, "only what is known is asked with validators"
    etag, last_modified = headers.get("etag") or known.etag, headers.get("last-modified") or known.last_modified
    # For every file that is unchanged, and `_replace` takes twice as long.
    return IndexRow._make((*known[:_VALIDATORS], etag, last_modified, response.sent_at, known.changed_at))


def _row(response: Response, published: PublishResult) -> IndexRow:
    request, headers, staged = response.request, response.headers, response.staged
    assert staged is not None, "what is published was staged"
    known, sent_at, digest = request.known, response.sent_at, f"{ALGORITHM}:{staged.hex_digits}"
    return IndexRow(
        source=request.source,
        url_digest=request.url_digest,
        url=redact_url(request.url),
        digest=digest,
        path=published.path,
        size=staged.size,
        manifest=published.manifest_path,
        etag=headers.get("etag"),
        last_modified=headers.get("last-modified"),
        checked_at=sent_at,
        changed_at=sent_at if known is None or known.digest != digest else known.changed_at,
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
        self._thread = SerialExecutor("airnub-commit")
        self._begun = self._done = 0
        """Batches; the second is counted by the thread that commits."""
        self._responses: list[Response] = []
        self._unavailable: list[Response] = []
        """Of items that failed and that may be withdrawn for it."""
        self._bytes = 0
        self._since = 0.0

    @property
    def is_at_work(self) -> bool:
        """Whether a batch is being committed, or waits for that."""
        return self._begun > self._done

    @property
    def is_behind(self) -> bool:
        """Whether more comes than can be committed."""
        return self._begun - self._done >= _MOST_WAITING

    @property
    def has_failed(self) -> bool:
        """Whether something could not be committed; `close` raises why."""
        return self._thread.has_failed

    def add(self, response: Response) -> None:
        """A request has its response. Where that is an error it is certain at once, except where the URL may be
        withdrawn for it.
        """
        request, error = response.request, response.error
        item = self._items[request.number]
        if error is not None and not item.withdraws:
            url = redact_url(item.url)
            failed = Outcome(item.source, Status.FAILED, url=url, attempts=error.attempts, error=error)
            self.report([request.number], [failed])
            return
        if not self._responses and not self._unavailable:
            self._since = monotonic()
        if error is not None:
            self._unavailable.append(response)
            return
        self._responses.append(response)
        if response.staged is not None:
            self._bytes += response.staged.size

    def report(self, places: Sequence[int], outcomes: Sequence[Outcome | None]) -> None:
        """These items have ended so; `None` where that is not certain."""
        for place, outcome in zip(places, outcomes, strict=True):
            self.outcomes[place] = outcome
        self._on_outcomes([outcome for outcome in outcomes if outcome is not None])

    def commit_due(self, *, now: bool = False) -> None:
        """Commit what has come when it is much or has waited long; or now."""
        waiting = len(self._responses) + len(self._unavailable)
        full = waiting >= self._full or self._bytes >= BATCH_BYTES
        if waiting and (full or now or monotonic() - self._since >= _LONGEST_WAIT):
            self._begun += 1
            self._thread.put(self._commit, self._responses, self._unavailable)
            self._responses, self._unavailable, self._bytes = [], [], 0

    def close(self) -> None:
        """Commit what has come, and wait until all is committed.

        Raises:
            StoreError: the store could not be written at some time; what could be committed is.
        """
        try:
            self._thread.close()
        finally:
            # Here, since nothing is to be done beside it.
            self._commit(self._responses, self._unavailable)

    def _commit(self, responses: Sequence[Response], unavailable: Sequence[Response]) -> None:
        try:
            self._commit_all(responses, unavailable)
        finally:
            self._done += 1

    def _commit_all(self, responses: Sequence[Response], unavailable: Sequence[Response]) -> None:
        if unavailable:
            gone = commit_unavailable(self._store, self._index, self._run, unavailable)
            self.report([response.request.number for response in unavailable], gone)
        if not responses:
            return
        outcomes, error = commit_batch(self._store, self._index, responses)
        self._index.release(response.request.url_digest for response in responses)
        self.report([response.request.number for response in responses], outcomes)
        if error is not None:
            raise error

"""Commit: publish responses durably, then record them in the index, then report their outcomes.

Items are committed in batches, in a thread beside those that dispatch and download.

Of sources with `on_gone: withdraw`, URLs that two runs in a row did not find are withdrawn. The index notes the first
miss; any other response in between removes the note. With the second miss the index withdraws the URL, the store
records the withdrawal, and the index notes that the store has it. If a process is killed in between, the next run or
`store reindex` does the rest. `store forget` withdraws in the same steps.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from time import monotonic

from airnub_common import ALGORITHM, redact_url
from airnub_core.errors import HttpStatusError, StoreError
from airnub_core.http.io_threads import SerialExecutor
from airnub_core.http.request import Response
from airnub_core.items import Item
from airnub_core.outcome import Outcome, Status
from airnub_core.store.base import PublishResult, Store
from airnub_core.store.index import Index, IndexRow, Missed, Run, Standing
from airnub_core.store.index.merge import is_later
from airnub_core.store.withdrawal import Withdrawal, withdraw

BATCH = 1000
"""Items that are synced and indexed together; smaller batches spend more time on syncs, larger ones gain nothing."""
BATCH_BYTES = 256 * 1024 * 1024
_LONGEST_WAIT = 2.0
"""Seconds that a response waits for others to fill its batch."""
_MOST_WAITING = 2
"""Batches that may wait to be committed; from then on the disk is slower than the network, and dispatch pauses."""
_VALIDATORS = IndexRow._fields.index("etag")
TWICE = "in two runs in a row"


def commit_batch(
    store: Store, index: Index, responses: Sequence[Response]
) -> tuple[list[Outcome | None], StoreError | None]:
    """Publish and index responses.

    Returns:
        The outcomes, in the order of the responses, with `None` for each that could not be stored; and the first error
        that prevented one. Such an error does not keep the other responses from being stored.

    Raises:
        StoreError: no response could be written, or the index could not. None of them is reported as stored.
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
    """The row to compare a response with if a different run has recorded one (`met`) since the lookup (`known`).

    It is `met`, unless this response is newer and has different bytes: then it is still an update by this run.
    """
    return met if is_later(met, row) or met.digest == row.digest else known


def _confirmed(response: Response) -> IndexRow:
    """The index row after a 304: the same bytes, possibly with new validators."""
    known, headers = response.request.known, response.headers
    assert known is not None, "only requests for known URLs have validators"
    etag, last_modified = headers.get("etag") or known.etag, headers.get("last-modified") or known.last_modified
    # This runs for every unchanged file, and `_replace` takes twice as long.
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


def commit_unavailable(store: Store, index: Index, run: Run, unavailable: Sequence[Response]) -> list[Outcome | None]:
    """Note or withdraw items that a run did not find, whose sources have `on_gone: withdraw`; returns their outcomes.

    A response without an error stands for a link that its page no longer has. If it is missing for the first time, it
    is noted, and its outcome is `None`, since it is not an item of this run.

    Raises:
        StoreError: the store or the index cannot be written.
    """
    missed: list[Response] = []
    found: dict[str, list[str]] = {}
    for one in unavailable:
        if one.error is None or (isinstance(one.error, HttpStatusError) and one.error.is_gone):
            missed.append(one)
        else:
            found.setdefault(one.request.source, []).append(one.request.url_digest)
    for source, url_digests in found.items():
        index.forget_misses(source, url_digests)
    standings = index.miss(run, list(map(_key, missed))) if missed else []
    stands = dict(zip(map(_key, missed), standings, strict=True))
    due = [one for one in missed if stands[_key(one)] is Standing.MISSED_BEFORE]
    withdrawn = withdraw(store, index, [_withdrawal(one, run) for one in due]) if due else []
    for one, is_withdrawn in zip(due, withdrawn, strict=True):
        # If it is not withdrawn, a concurrent run has just found it.
        stands[_key(one)] = Standing.WITHDRAWN if is_withdrawn else Standing.UNKNOWN
    newly = set(map(_key, due))
    return [_outcome(one, stands.get(_key(one), Standing.UNKNOWN), is_new=_key(one) in newly) for one in unavailable]


def _key(one: Response) -> Missed:
    return Missed(one.request.source, one.request.url_digest)


def _withdrawal(one: Response, run: Run) -> Withdrawal:
    request = one.request
    url = request.known.url if request.known is not None else redact_url(request.url)
    return Withdrawal(request.source, request.url_digest, url, run.began_at, f"{_reason(one)} {TWICE}")


def _reason(one: Response) -> str:
    return f"status {one.error.status}" if isinstance(one.error, HttpStatusError) else "missing on its page"


def _outcome(one: Response, stands: Standing, *, is_new: bool) -> Outcome | None:
    request, error, known = one.request, one.error, one.request.known
    url = redact_url(request.url)
    outcome = Outcome(request.source, Status.FAILED, url=url, attempts=one.attempts, error=error)
    if stands is Standing.WITHDRAWN:
        outcome = replace(
            outcome,
            kind=Status.GONE,
            error=None,
            note=f"{_reason(one)} {TWICE}: withdrawn" if is_new else "is withdrawn",
        )
        if known is not None:
            return replace(outcome, digest=known.digest, path=known.path, manifest=known.manifest, size=known.size)
        return outcome
    if error is None:
        return None
    if stands is Standing.NOTED and isinstance(error, HttpStatusError):
        noted = replace(error, is_noted=True)
        noted.attempts, noted.kept = error.attempts, error.kept
        return replace(outcome, error=noted)
    return outcome


class CommitQueue:
    """Collects the responses of one call and commits them in batches; one thread adds, a second one commits."""

    def __init__(
        self,
        store: Store,
        index: Index,
        items: Sequence[Item],
        on_outcomes: Callable[[list[Outcome]], object],
        full: int,
        run: Run,
    ) -> None:
        """Create an empty queue; a batch has `full` items. Final outcomes go to `on_outcomes`, from any thread."""
        self.outcomes: list[Outcome | None] = [None] * len(items)
        """In the order of the items; `None` for those that are not final yet."""
        self._store, self._index, self._full = store, index, full
        self._items, self._on_outcomes, self._run = items, on_outcomes, run
        self._thread = SerialExecutor("airnub-commit")
        self._begun = self._done = 0
        """Numbers of batches queued and committed; the committing thread counts the second."""
        self._responses: list[Response] = []
        self._unavailable: list[Response] = []
        """Error responses of items that may be withdrawn for them."""
        self._bytes = 0
        self._since = 0.0

    @property
    def is_behind(self) -> bool:
        """Whether responses arrive faster than they are committed."""
        return self._begun - self._done >= _MOST_WAITING

    @property
    def has_failed(self) -> bool:
        """Whether something could not be committed; `close` raises why."""
        return self._thread.error is not None

    def add(self, responses: Iterable[Response]) -> None:
        """Add responses; an error is reported at once, unless the URL may be withdrawn for it."""
        for response in responses:
            number, error = response.request.number, response.error
            item = self._items[number]
            if error is not None and not item.withdraws:
                url = redact_url(item.url)
                failed = Outcome(item.source, Status.FAILED, url=url, attempts=error.attempts, error=error)
                self.report([number], [failed])
                continue
            if not self._responses and not self._unavailable:
                self._since = monotonic()
            if error is not None:
                self._unavailable.append(response)
                continue
            self._responses.append(response)
            if response.staged is not None:
                self._bytes += response.staged.size

    def report(self, places: Sequence[int], outcomes: Sequence[Outcome | None]) -> None:
        """Record and report outcomes of the items at these places; `None` for an outcome that is not final."""
        for place, outcome in zip(places, outcomes, strict=True):
            self.outcomes[place] = outcome
        self._on_outcomes([outcome for outcome in outcomes if outcome is not None])

    def commit_due(self, *, now: bool = False) -> None:
        """Queue the collected responses as a batch if it is full or its oldest has waited too long; or `now`."""
        waiting = len(self._responses) + len(self._unavailable)
        full = waiting >= self._full or self._bytes >= BATCH_BYTES
        if waiting and (full or now or monotonic() - self._since >= _LONGEST_WAIT):
            self._begun += 1
            self._thread.put(self._commit, self._responses, self._unavailable)
            self._responses, self._unavailable, self._bytes = [], [], 0

    def close(self) -> None:
        """Commit all collected responses and wait for the batches in progress.

        Raises:
            StoreError: a batch could not be written; the responses that could be are committed.
        """
        try:
            self._thread.close()
        finally:
            # In the calling thread, since it has nothing else left to do.
            self._commit(self._responses, self._unavailable)

    def _commit(self, responses: Sequence[Response], unavailable: Sequence[Response]) -> None:
        try:
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
        finally:
            self._done += 1

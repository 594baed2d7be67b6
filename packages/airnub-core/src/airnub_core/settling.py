"""Settling: arrivals are published and made durable, then the index learns of them, then they are outcomes."""

from collections.abc import Sequence
from typing import NamedTuple

from airnub_common import redact_url
from airnub_core.arrival import Arrival
from airnub_core.errors import StoreError
from airnub_core.outcome import Kind, Outcome
from airnub_core.store.index import Index, Known
from airnub_core.store.index.known import is_later
from airnub_core.store.protocol import Published, Store

BATCH = 1000
"""Items that are made durable and indexed together; with fewer, syncing costs more, and more gain nothing."""
BATCH_BYTES = 256 * 1024 * 1024
_VALIDATORS = Known._fields.index("etag")


class Settled(NamedTuple):
    """What became of arrivals: the outcomes of those that are certain, `None` for the others, and why."""

    outcomes: list[Outcome | None]
    error: StoreError | None


def settle(store: Store, index: Index, arrivals: Sequence[Arrival]) -> Settled:
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
    rows: list[Known] = []
    seen: list[Known | None] = []
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
    return Settled(outcomes, failed)


def _before(row: Known, known: Known | None, met: Known) -> Known | None:
    """What an answer is compared with where another run has recorded something else since it was looked up.

    With that, except where it is newer and of other bytes: then the answer is still what this run has brought.
    """
    return met if is_later(met, row) or met.digest == row.digest else known


def _kind(row: Known, before: Known | None, *, is_new: bool) -> Kind:
    if before is None:
        return Kind.STORED
    if before.digest != row.digest:
        return Kind.UPDATED
    return Kind.STORED if is_new else Kind.UNCHANGED


def _outcome(attempts: int, kind: Kind, row: Known) -> Outcome:
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


def _confirmed(arrival: Arrival) -> Known:
    """The same bytes, maybe under other validators."""
    known = arrival.known
    assert known is not None, "only what is known is asked with validators"
    etag, last_modified = arrival.etag or known.etag, arrival.last_modified or known.last_modified
    # For every file that is unchanged, and `_replace` takes twice as long.
    return Known._make((*known[:_VALIDATORS], etag, last_modified, arrival.sent_at, known.changed_at))


def _row(arrival: Arrival, published: Published) -> Known:
    known, digest = arrival.known, arrival.digest
    return Known(
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

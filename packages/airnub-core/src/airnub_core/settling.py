"""Settling: arrivals are published and made durable, then the index learns of them, then they are outcomes."""

from collections.abc import Sequence
from typing import NamedTuple

from airnub_common import redact_url
from airnub_core.arrival import Arrival
from airnub_core.errors import StoreError
from airnub_core.outcome import Kind, Outcome
from airnub_core.store.index import Index, Known
from airnub_core.store.protocol import Published, Store

BATCH = 1000
"""Items that are made durable and indexed together; with fewer, syncing costs more, and more gain nothing."""
BATCH_BYTES = 256 * 1024 * 1024


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
    now = index.now()  # by one clock for all: workers ask when the others have looked last
    ended: list[tuple[Kind, Known] | None] = []
    unchanged: list[Known] = []
    filed: list[Known] = []
    failed: StoreError | None = None
    for arrival in arrivals:
        if arrival.staged is None:
            known = _known(arrival)
            ended.append((Kind.UNCHANGED, known))
            if arrival.etag in {None, known.etag} and arrival.last_modified in {None, known.last_modified}:
                unchanged.append(known)
            else:
                filed.append(_confirmed(arrival, known, now))
            continue
        place = next(published)
        if isinstance(place, StoreError):
            failed = failed or place
            ended.append(None)
        else:
            kind, row = _filed(arrival, place, now)
            ended.append((kind, row))
            filed.append(row)
    index.record(filed, unchanged, now)
    outcomes = [
        None if one is None else _outcome(arrival.attempts, *one) for arrival, one in zip(arrivals, ended, strict=True)
    ]
    return Settled(outcomes, failed)


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


def _known(arrival: Arrival) -> Known:
    assert arrival.known is not None, "only what is known is asked with validators"
    return arrival.known


def _confirmed(arrival: Arrival, known: Known, now: str) -> Known:
    """The same bytes under other validators."""
    return known._replace(
        checked_at=now,
        etag=arrival.etag or known.etag,
        last_modified=arrival.last_modified or known.last_modified,
    )


def _filed(arrival: Arrival, published: Published, now: str) -> tuple[Kind, Known]:
    known, digest = arrival.known, arrival.digest
    kind, changed_at = Kind.STORED, now
    if known is not None and known.digest != digest:
        kind = Kind.UPDATED
    elif known is not None and not published.new:
        kind, changed_at = Kind.UNCHANGED, known.changed_at
    row = Known(
        source=arrival.item.source,
        url_digest=arrival.url_digest,
        url=redact_url(arrival.item.url),
        digest=digest,
        path=published.path,
        size=arrival.size,
        manifest=published.manifest_path,
        etag=arrival.etag,
        last_modified=arrival.last_modified,
        checked_at=now,
        changed_at=changed_at,
    )
    return kind, row

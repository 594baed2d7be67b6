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


class Settled(NamedTuple):
    """What became of arrivals: the outcomes of those that are certain, `None` for the others, and why."""

    outcomes: list[Outcome | None]
    error: StoreError | None


class _Filed(NamedTuple):
    """An arrival that is in the store."""

    arrival: Arrival
    row: Known
    is_new: bool
    """Whether its bytes were not in the store before."""


def settle(store: Store, index: Index, arrivals: Sequence[Arrival]) -> Settled:
    """Outcomes of arrivals, in their order; what cannot be stored keeps nothing else from it.

    Raises:
        StoreError: the disk took none of them, or the index did not. Nothing of it is called stored.
    """
    try:
        published = iter(store.publish([arrival.staged for arrival in arrivals if arrival.staged is not None]))
    except OSError as error:
        raise StoreError.of(error, store.name) from error
    filed: list[_Filed] = []
    places: list[int] = []
    failed: StoreError | None = None
    for place, arrival in enumerate(arrivals):
        if arrival.staged is None:
            filed.append(_Filed(arrival, _confirmed(arrival), is_new=False))
        else:
            lies = next(published)
            if isinstance(lies, StoreError):
                failed = failed or lies
                continue
            filed.append(_Filed(arrival, _row(arrival, lies), lies.new))
        places.append(place)
    met = index.record([one.row for one in filed], [one.arrival.known for one in filed])
    outcomes: list[Outcome | None] = [None] * len(arrivals)
    for number, (place, one) in enumerate(zip(places, filed, strict=True)):
        outcomes[place] = _outcome(one, met.get(number))
    return Settled(outcomes, failed)


def _outcome(filed: _Filed, met: Known | None) -> Outcome:
    """What became of an arrival; `met` is what the index had instead of the state that was looked up, if it had."""
    arrival, row, is_new = filed
    # Against what another run has recorded meanwhile, except where that is newer, and other bytes: then this answer is
    # still what this run has brought.
    before = met if met is not None and (is_later(met, row) or met.digest == row.digest) else arrival.known
    if before is None:
        kind = Kind.STORED
    elif before.digest != row.digest:
        kind = Kind.UPDATED
    else:
        kind = Kind.STORED if is_new else Kind.UNCHANGED
    return Outcome(
        source=row.source,
        kind=kind,
        url=row.url,
        digest=row.digest,
        path=row.path,
        manifest=row.manifest,
        size=row.size,
        attempts=arrival.attempts,
    )


def _confirmed(arrival: Arrival) -> Known:
    """The same bytes, maybe under other validators."""
    known = arrival.known
    assert known is not None, "only what is known is asked with validators"
    return known._replace(
        checked_at=arrival.sent_at,
        etag=arrival.etag or known.etag,
        last_modified=arrival.last_modified or known.last_modified,
    )


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

"""Arrivals: what a transfer brought, filed in the store, and what the index and the manifest will say of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

from airnub_common import redact_url
from airnub_core.network.content_disposition import file_name_of
from airnub_core.network.settings import NetworkSettings
from airnub_core.network.transfer import Received
from airnub_core.outcome import Kind
from airnub_core.store.content_store import ContentStore, Published
from airnub_core.store.index import Known
from airnub_core.store.manifest import HEADERS_WORTH_KEEPING, Manifest, redacted_or_none, url_digest


@dataclass(frozen=True, slots=True)
class Item:
    """One URL of one source."""

    source: str
    url: str
    network: NetworkSettings
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of the source, secrets among them; sent to the URL's own origin alone."""
    page: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """An item whose bytes are in the store; `kind` holds once it is settled."""

    item: Item
    kind: Kind
    row: Known
    """What the index will know."""
    published: Published | None
    """`None` where the server said that nothing changed."""
    size: int
    """In bytes."""
    attempts: int
    headers: Mapping[str, str]
    """Of the answer, names in lower case."""


def validators(known: Known | None) -> dict[str, str]:
    """The headers that let a server say that nothing changed."""
    asked = {"if-none-match": known.etag, "if-modified-since": known.last_modified} if known else {}
    # What a server called its version in other characters cannot be sent back; then the bytes are fetched again.
    return {name: value for name, value in asked.items() if value and value.isascii() and value.isprintable()}


def confirmed(item: Item, received: Received, known: Known, attempts: int) -> Arrival:
    """An item of which the server says that nothing changed since the object that is known."""
    checked = replace(
        known,
        checked_at=datetime.now(UTC).isoformat(),
        etag=received.headers.get("etag", known.etag),
        last_modified=received.headers.get("last-modified", known.last_modified),
    )
    return Arrival(item, Kind.UNCHANGED, checked, None, known.size, attempts, received.headers)


def filed(
    store: ContentStore,
    item: Item,
    received: Received,
    known: Known | None,
    attempts: int,
    *,
    file_name: str | None = None,
    parts: Sequence[Arrival] = (),
) -> Arrival:
    """An item whose bytes came, published in the store.

    Args:
        store: where to.
        item: what was asked for.
        received: the answer, with its body.
        known: what the index knew of the URL before.
        attempts: that it took.
        file_name: for what is made here; else the server's word, or the end of the URL.
        parts: what it was made from.

    Raises:
        OSError: the disk is full, or the store cannot be written.
    """
    body, now = received.body, datetime.now(UTC)
    assert body is not None, "an answer without a body is confirmed, not filed"
    name = file_name or file_name_of(received.headers.get("content-disposition")) or _name_in(received.final_url)

    def describe(digest: str, path: str, safe_name: str) -> Manifest:
        return Manifest(
            source=item.source,
            url=redact_url(item.url),
            url_digest=url_digest(item.url),
            page=redacted_or_none(item.page),
            title=item.title,
            final_url=redact_url(received.final_url),
            path=path,
            file_name=safe_name,
            original_file_name=name,
            digest=digest,
            size=body.size,
            content_type=received.headers.get("content-type"),
            headers={key: value for key, value in received.headers.items() if key in HEADERS_WORTH_KEEPING},
            fetched_at=now,
            previous_digest=known.digest if known is not None and known.digest != digest else None,
            derived_from=tuple(dict.fromkeys(part.row.digest for part in parts)),
        )

    published = store.publish(body, item.source, name, describe)
    kind, changed_at = Kind.STORED, now.isoformat()
    if known is not None and known.digest != published.manifest.digest:
        kind = Kind.UPDATED
    elif known is not None and not published.new:
        kind, changed_at = Kind.UNCHANGED, known.changed_at
    row = replace(
        Known.of(published.manifest, published.manifest_path),
        etag=received.headers.get("etag"),
        last_modified=received.headers.get("last-modified"),
        checked_at=now.isoformat(),
        changed_at=changed_at,
    )
    return Arrival(item, kind, row, published, body.size, attempts, received.headers)


def _name_in(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2]) or "index"

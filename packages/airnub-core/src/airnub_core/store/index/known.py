"""What is known of one URL. Tuples: thousands are made at once, and go into the databases as they are."""

from collections.abc import Iterable, Mapping
from datetime import UTC
from typing import NamedTuple, Self

from airnub_core.store.manifest import Manifest


class Known(NamedTuple):
    """The current state of one URL of one source; times are ISO 8601 in UTC."""

    source: str
    url_digest: str
    """SHA-256 of the whole URL, 64 hexadecimal digits."""
    url: str
    """Redacted."""
    digest: str
    """Of the object: `sha256:…`."""
    path: str
    """Of the object, relative to the store."""
    size: int
    """Of the object, in bytes."""
    manifest: str
    """Path of this URL's manifest, relative to the store."""
    etag: str | None
    last_modified: str | None
    checked_at: str
    changed_at: str

    @classmethod
    def of(cls, manifest: Manifest, manifest_path: str) -> Self:
        """What a manifest says, checked and changed when it was fetched."""
        fetched_at = manifest.fetched_at.astimezone(UTC).isoformat()
        return cls(
            source=manifest.source,
            url_digest=manifest.url_digest,
            url=manifest.url,
            digest=manifest.digest,
            path=manifest.path,
            size=manifest.size,
            manifest=manifest_path,
            etag=manifest.headers.get("etag"),
            last_modified=manifest.headers.get("last-modified"),
            checked_at=fetched_at,
            changed_at=fetched_at,
        )


class Version(NamedTuple):
    """One state that a URL was in."""

    seen_at: str
    """When it was first seen in it; ISO 8601 in UTC."""
    digest: str
    manifest: str
    """Path relative to the store."""


def oldest_first(manifests: Mapping[str, Manifest]) -> list[Known]:
    """Every version of every URL, from manifests by path.

    Recorded in this order, the newest state of each URL is its current one, and the others are its history. A return to
    earlier bytes and the times of checks are in the index alone and cannot be had back; that costs one more fetch.
    """
    versions = [Known.of(manifest, path) for path, manifest in manifests.items()]
    versions.sort(key=lambda row: row.changed_at)
    return versions


def in_rounds(rows: Iterable[Known]) -> list[list[Known]]:
    """The rows in their order, parted so that no URL of a source is twice in one part."""
    rounds: list[list[Known]] = []
    seen: dict[tuple[str, str], int] = {}
    for row in rows:
        key = (row.source, row.url_digest)
        turn = seen[key] = seen.get(key, -1) + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(row)
    return rounds

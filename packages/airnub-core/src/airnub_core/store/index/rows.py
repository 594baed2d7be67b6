"""Index rows: the known state of a URL, and of the last run of a source or a dataset.

Tuples: thousands are made at once, and go into the databases as they are. URLs that fail leave nothing in the store:
what reads a source later (`requires_complete` of a dataset), and what runs again only what failed, knows of them by the
last run.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from enum import StrEnum
from typing import NamedTuple, Self

from airnub_core.store.manifest import Manifest

MOST = 10_000
"""Failures of a source that are kept one by one; of more the number is kept, and all of the source runs again."""


class IndexRow(NamedTuple):
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
    """When the last request was sent that was answered with this state, by the clock of the index."""
    changed_at: str
    """When the first one was sent; since then the URL has had this digest."""

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
    """When the first request was sent that was answered with it, by the clock of the index; ISO 8601 in UTC."""
    digest: str
    manifest: str
    """Path relative to the store."""


class Missed(NamedTuple):
    """A URL that a run did not find; the server says so, or its page does not name it any more."""

    source: str
    url_digest: str


class Run(NamedTuple):
    """A run of an ingestion, as the notes of URLs that it does not find name it."""

    name: str
    """The same for all attempts of one run."""
    began_at: str
    """Before the first request was sent, by the clock of the index; ISO 8601 in UTC."""


class Standing(StrEnum):
    """What is known of a URL that a run did not find."""

    UNKNOWN = "unknown"
    """Nothing, or another run has found it since this one began."""
    NOTED = "noted"
    """It is noted that this run did not find it."""
    MISSED_BEFORE = "missed before"
    """The run before did not find it either: it is to be withdrawn."""
    WITHDRAWN = "withdrawn"
    """It is withdrawn."""


class MissNote(NamedTuple):
    """That a run did not find a URL."""

    run: str
    began_at: str
    """When this run began."""
    noted_at: str


class Scope(StrEnum):
    """What a run is of."""

    SOURCE = "source"
    DATASET = "dataset"


class Failure(NamedTuple):
    """An item that failed."""

    url: str | None
    """Redacted; `None` of a dataset."""
    error: str


class LastRun(NamedTuple):
    """The last run of one source, or of one dataset; times are ISO 8601 in UTC."""

    name: str
    run: str
    began_at: str
    ended_at: str | None
    """`None` while it runs, and of one that was ended before its end."""
    failed: int
    """Items that failed; while it runs, those of the run before."""
    failures: Sequence[Failure]
    """The same one by one; none where they are more than `MOST`."""

    @property
    def is_complete(self) -> bool:
        """Whether it ended, and no item failed."""
        return self.ended_at is not None and not self.failed

    @classmethod
    def parse(cls, name: str, run: str, began_at: str, ended_at: str | None, failed: int, failures: str) -> Self:
        """As the tables have it."""
        return cls(name, run, began_at, ended_at, failed, [Failure(*one) for one in json.loads(failures)])


def rows_of(failures: Mapping[str, Sequence[Failure]]) -> list[tuple[str, int, str]]:
    """What the tables keep of failures by name: name, how many, and the list as JSON."""
    return [
        (name, len(of_name), json.dumps(list(of_name) if len(of_name) <= MOST else []))
        for name, of_name in failures.items()
    ]


def oldest_first(manifests: Mapping[str, Manifest]) -> list[IndexRow]:
    """Every version of every URL, from manifests by path.

    Recorded in this order, the newest state of each URL is its current one, and the others are its history. A return to
    earlier bytes and the times of checks are in the index alone and cannot be had back; that costs one more fetch.
    """
    versions = [IndexRow.of(manifest, path) for path, manifest in manifests.items()]
    versions.sort(key=lambda row: row.changed_at)
    return versions

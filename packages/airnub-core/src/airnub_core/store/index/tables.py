"""Tables and rows of an index: the state and versions of a URL, the last run of a source, and access to the tables.

Rows are tuples, since thousands are created at once and are passed to the databases unchanged. A failed URL leaves
nothing in the store; datasets with `requires_complete`, and `run --failed`, find it in the last run.

`Tables` is the interface between the SQL that both databases share and each database. In a statement `%s` is a value,
`{known}` and other names are tables, and each database substitutes these placeholders:

    {url_digest}   the digest of a URL as 64 hexadecimal digits, in a SELECT
    {key}          a condition for the row of a URL, with the values of a `Key`
    {key_columns}  the key columns
    {key_values}   as many `%s` as there are key columns
    {missed_source}  the source of a row of `missing`
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from datetime import UTC
from enum import StrEnum
from typing import Any, LiteralString, NamedTuple, Protocol, Self, TypeVar

from airnub_core.store.manifest import Manifest

MOST = 10_000
"""Most failures stored per source; if there are more, only their number is, and `run --failed` repeats the source."""
SELECT: LiteralString = """SELECT source, {url_digest}, url, digest, path, size, manifest, etag, last_modified,
    checked_at, changed_at FROM {known}"""
Key = tuple[Any, ...]
"""The values of `{key}`."""
UrlOfSource = tuple[str, str]
"""Source and URL digest."""
T = TypeVar("T")


class IndexRow(NamedTuple):
    """The current state of one URL of one source; times are ISO 8601 in UTC."""

    source: str
    url_digest: str
    """SHA-256 of the complete URL, 64 hexadecimal digits."""
    url: str
    """The redacted URL."""
    digest: str
    """Digest of the object, `sha256:…`."""
    path: str
    """Path of the object, relative to the store."""
    size: int
    """Size of the object in bytes."""
    manifest: str
    """Path of this URL's manifest, relative to the store."""
    etag: str | None
    last_modified: str | None
    checked_at: str
    """When the last request that confirmed this state was sent, by the clock of the index."""
    changed_at: str
    """When the first request that returned this digest was sent."""

    @classmethod
    def of(cls, manifest: Manifest, manifest_path: str) -> Self:
        """Create a row from a manifest; `checked_at` and `changed_at` are when it was fetched."""
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
    """One version of a URL."""

    seen_at: str
    """When the first request that returned it was sent, by the clock of the index; ISO 8601 in UTC."""
    digest: str
    manifest: str
    """Path of the manifest, relative to the store."""


class Missed(NamedTuple):
    """A URL that a run did not find: the server returned 404 or 410, or its page does not list it any more."""

    source: str
    url_digest: str


class Run(NamedTuple):
    """A run of an ingestion, as identified in miss notes."""

    name: str
    """Name of the run, the same for all its attempts."""
    began_at: str
    """A time before its first request, by the clock of the index; ISO 8601 in UTC."""


class Standing(StrEnum):
    """State of a URL that a run did not find."""

    UNKNOWN = "unknown"
    """The URL is not in the index, or a different run has found it since this one began."""
    NOTED = "noted"
    """A miss note was written."""
    MISSED_BEFORE = "missed before"
    """An earlier run did not find the URL either, so it is to be withdrawn."""
    WITHDRAWN = "withdrawn"
    """The URL is withdrawn already."""


class MissNote(NamedTuple):
    """A note that a run did not find a URL."""

    run: str
    began_at: str
    """When the run began."""
    noted_at: str


class Scope(StrEnum):
    """Whether a run is of sources or of datasets."""

    SOURCE = "source"
    DATASET = "dataset"


class Failure(NamedTuple):
    """An item that failed."""

    url: str | None
    """The redacted URL; `None` for a dataset."""
    error: str


class LastRun(NamedTuple):
    """The last run of one source, or of one dataset; times are ISO 8601 in UTC."""

    name: str
    run: str
    began_at: str
    ended_at: str | None
    """`None` while the run is in progress, and if it was killed."""
    failed: int
    """Number of failed items; those of the previous run until this one ends."""
    failures: Sequence[Failure]
    """The failed items; empty if there are more than `MOST`."""

    @property
    def is_complete(self) -> bool:
        """Whether the run has ended without failed items."""
        return self.ended_at is not None and not self.failed

    @classmethod
    def parse(cls, name: str, run: str, began_at: str, ended_at: str | None, failed: int, failures: str) -> Self:
        """Create from the columns of a table row."""
        return cls(name, run, began_at, ended_at, failed, [Failure(*one) for one in json.loads(failures)])


def rows_of(failures: Mapping[str, Sequence[Failure]]) -> list[tuple[str, int, str]]:
    """Convert failures to table columns: name, number of failures, and the list as JSON."""
    return [
        (name, len(of_name), json.dumps(list(of_name) if len(of_name) <= MOST else []))
        for name, of_name in failures.items()
    ]


def oldest_first(manifests: Mapping[str, Manifest]) -> list[IndexRow]:
    """Create the rows of all versions of all URLs from manifests by path, oldest first.

    Recorded in this order, the newest version of each URL becomes the current one, and the others its history. A return
    to earlier bytes and the times of checks are only in the index and cannot be restored; this costs one more fetch.
    """
    versions = [IndexRow.of(manifest, path) for path, manifest in manifests.items()]
    versions.sort(key=lambda row: row.changed_at)
    return versions


class State(NamedTuple):
    """Key, times and miss note of a URL's row."""

    key: Key
    checked_at: str
    withdrawn_at: str | None
    unwritten: str | None
    """The reason of the withdrawal, until the store has it."""
    note: MissNote | None


class Tables(Protocol):
    """The tables of an index within one transaction; implemented for each database."""

    def ask(self, question: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """Execute a statement, and return its rows."""

    def ask_each(self, statement: LiteralString, rows: Iterable[Sequence[object]]) -> None:
        """Execute a statement once per row of values."""

    def begin_anew(self) -> None:
        """Delete all URLs, with their history and miss notes."""

    def mark_built(self) -> None:
        """Record that the index is built."""

    def rows(self, url_digests: Set[str], *, withdrawn: bool = False) -> Iterable[IndexRow]:
        """Read the current rows of URLs in all sources; with `withdrawn`, the last rows of withdrawn URLs too."""

    def states(self, url_digests: Set[str], *, lock: bool = True) -> dict[UrlOfSource, State]:
        """Read the states of URLs in all sources; in a shared index, `lock` locks their rows until the end."""

    def histories(self, keys: Sequence[Key]) -> Iterable[tuple[Key, int, Version]]:
        """Read the past versions of URLs, oldest first, each with its key and its primary key in the history."""

    def compare_and_set(
        self, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None], places: Sequence[int]
    ) -> Sequence[int]:
        """Upsert the rows at some positions whose URLs are new, or have not changed since they were looked up.

        Args:
            rows: all rows.
            seen: per row, the result of the lookup.
            places: the positions in `rows` to write.

        Returns:
            The positions of rows that were possibly not written, or all positions; their existing rows are locked.
        """


class Transactions(Protocol):
    """Transactions over one connection; thread-safe. A transaction may run twice, so it must be idempotent."""

    def run(self, work: Callable[[Any], T]) -> T:
        """Run a reading transaction."""

    def write(self, work: Callable[[Any], T]) -> T:
        """Run a writing transaction; it is durable when this returns."""

    def close(self) -> None:
        """Close the connection; later transactions raise StoreError."""

"""The index: what the store knows about each URL. The manifests are the truth about objects; this is the fast way in.

SQLite beside the store. A URL is known by its digest, since it may hold a secret; the redacted URL is there to be read.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, Self

from airnub_core.errors import DamagedIndexError, StoreError
from airnub_core.store.manifest import Manifest, url_digest

_SCHEMA = """
CREATE TABLE IF NOT EXISTS url (
    source TEXT NOT NULL,
    url_digest TEXT NOT NULL,
    url TEXT NOT NULL,
    digest TEXT NOT NULL,
    path TEXT NOT NULL,
    size INTEGER NOT NULL,
    manifest TEXT NOT NULL,
    etag TEXT,
    last_modified TEXT,
    checked_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    PRIMARY KEY (source, url_digest)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS version (
    source TEXT NOT NULL,
    url_digest TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    digest TEXT NOT NULL,
    manifest TEXT NOT NULL,
    PRIMARY KEY (source, url_digest, seen_at, digest)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS watermark (
    source TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    moved_at TEXT NOT NULL
) WITHOUT ROWID;
"""
_SCHEMA_VERSION = 1
_KNOWN = "source, url_digest, url, digest, path, size, manifest, etag, last_modified, checked_at, changed_at"
_MARKS = ", ".join("?" * len(_KNOWN.split(",")))
_LOOKUP_BATCH = 500
_BUSY_SECONDS = 60
# Not a database, a damaged one, or one with other tables than ours. A full disk or a lock says nothing against it.
_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one URL; times are ISO 8601 in UTC."""

    source: str
    url_digest: str
    url: str
    digest: str
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


@dataclass(frozen=True, slots=True)
class Version:
    """One state that a URL was in."""

    seen_at: str
    digest: str
    manifest: str


class Index(Protocol):
    """What every index does; each call is one transaction, durable when it returns.

    Raises:
        StoreError: the index cannot be read or written.
    """

    def lookup(self, source: str, urls: Iterable[str]) -> dict[str, Known]:
        """What is known of these URLs, by URL; unknown ones are left out."""
        ...

    def record(self, rows: Sequence[Known], changed: Iterable[Known] = ()) -> None:
        """Remember `rows`; those in `changed` are new versions of their URLs."""
        ...

    def current(self, source: str) -> list[Known]:
        """Every URL of a source in its current version, ordered by URL and then digest of URL."""
        ...

    def versions(self, source: str, url: str) -> list[Version]:
        """Every state a URL was seen in, oldest first."""
        ...

    def watermark(self, source: str) -> str | None:
        """How far an incremental source was read."""
        ...

    def move_watermark(self, source: str, value: str) -> None:
        """Remember how far an incremental source was read."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...


class SqliteIndex:
    """An `Index` in one file, in WAL mode, for the processes of one machine."""

    def __init__(self, path: Path) -> None:
        """Open the file, and create it when it is missing.

        Raises:
            DamagedIndexError: it is damaged, or no index.
            StoreError: it cannot be opened.
            OSError: its folder cannot be created.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        with _told(path):
            self._connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False)
        try:
            with self._transaction() as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.executescript(_SCHEMA)
                connection.execute(f"SELECT {_KNOWN} FROM url LIMIT 0")  # noqa: S608  # constants; another program's table?
        except StoreError:
            self._connection.close()
            raise

    @property
    def is_built(self) -> bool:
        """Whether `rebuild` has ended once; a new file has not, and holds nothing about what the store may hold."""
        with self._transaction() as connection:
            return bool(connection.execute("PRAGMA user_version").fetchone() == (_SCHEMA_VERSION,))

    def rebuild(self, manifests: Mapping[str, Manifest]) -> None:
        """Forget every URL, and learn them anew from manifests by path; watermarks stay."""
        rows, versions = _rows_of(manifests)
        with self._transaction() as connection:
            connection.execute("DELETE FROM url")
            connection.execute("DELETE FROM version")
            _insert(connection, rows, versions)
            connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")

    def lookup(self, source: str, urls: Iterable[str]) -> dict[str, Known]:
        by_digest = {url_digest(url): url for url in urls}
        digests = list(by_digest)
        found: dict[str, Known] = {}
        with self._transaction() as connection:
            for start in range(0, len(digests), _LOOKUP_BATCH):
                batch = digests[start : start + _LOOKUP_BATCH]
                marks = ", ".join("?" * len(batch))
                rows = connection.execute(
                    f"SELECT {_KNOWN} FROM url WHERE source = ? AND url_digest IN ({marks})",  # noqa: S608  # only question marks
                    (source, *batch),
                )
                found.update((by_digest[row[1]], Known(*row)) for row in rows)
        return found

    def record(self, rows: Sequence[Known], changed: Iterable[Known] = ()) -> None:
        with self._transaction() as connection:
            _insert(connection, rows, changed)

    def current(self, source: str) -> list[Known]:
        with self._transaction() as connection:
            rows = connection.execute(
                f"SELECT {_KNOWN} FROM url WHERE source = ? ORDER BY url, url_digest",  # noqa: S608  # constants
                (source,),
            )
            return [Known(*row) for row in rows]

    def versions(self, source: str, url: str) -> list[Version]:
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT seen_at, digest, manifest FROM version WHERE source = ? AND url_digest = ? ORDER BY seen_at",
                (source, url_digest(url)),
            )
            return [Version(*row) for row in rows]

    def watermark(self, source: str) -> str | None:
        with self._transaction() as connection:
            row = connection.execute("SELECT value FROM watermark WHERE source = ?", (source,)).fetchone()
        return None if row is None else str(row[0])

    def move_watermark(self, source: str, value: str) -> None:
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO watermark VALUES (?, ?, ?)", (source, value, datetime.now(UTC).isoformat())
            )

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _told(self._path), self._connection:
            yield self._connection


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """SQLite's errors as those of the store."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # the rest of the bits are details
        kind = DamagedIndexError if code in _DAMAGED else StoreError
        raise kind(str(path), f"the index cannot be used ({error})") from error


def _insert(connection: sqlite3.Connection, rows: Sequence[Known], changed: Iterable[Known]) -> None:
    connection.executemany(
        f"INSERT OR REPLACE INTO url ({_KNOWN}) VALUES ({_MARKS})",  # noqa: S608  # constants
        map(astuple, rows),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO version VALUES (?, ?, ?, ?, ?)",
        [(row.source, row.url_digest, row.changed_at, row.digest, row.manifest) for row in changed],
    )


def _rows_of(manifests: Mapping[str, Manifest]) -> tuple[list[Known], list[Known]]:
    """Each URL's newest state, and every version, from manifests by path.

    A URL's return to earlier bytes and the times of checks are in the index alone and cannot be had back; that costs
    one more fetch.
    """
    versions = [Known.of(manifest, path) for path, manifest in manifests.items()]
    versions.sort(key=lambda row: row.changed_at)
    newest = {(row.source, row.url_digest): row for row in versions}
    return list(newest.values()), versions

"""The index in one SQLite file beside the store, for the processes of one machine."""

import errno
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Lock

from airnub_core.errors import ADVICE, DamagedIndexError, StoreError
from airnub_core.store.clock import elapsed, timestamp
from airnub_core.store.index.last_run import Failure, LastRun, Scope, rows_of
from airnub_core.store.index.rows import IndexRow, Missed, MissNote, Run, Standing, Version, oldest_first, standing
from airnub_core.store.index.sqlite_record import COLUMNS, SELECT, places_of_urls, record, rows_of_urls, withdraw
from airnub_core.store.index.sqlite_schema import VERSION, key_of, make_tables, pragma
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import Withdrawal

_CACHE_KIB = 8 * 1024
_LOG_PAGES = 4000
"""Of 4 KiB: when the log is written back into the file."""
_BUSY_SECONDS = 60
_ADVICE = {
    sqlite3.SQLITE_FULL: ADVICE[errno.ENOSPC],
    sqlite3.SQLITE_READONLY: ADVICE[errno.EROFS],
    sqlite3.SQLITE_IOERR: ADVICE[errno.EIO],
}
# Not a database, a damaged one, or one with other tables than ours. A full disk or a lock says nothing against it.
_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}


class SqliteIndex:
    """An `Index` in one file, in WAL mode."""

    shared = False

    def __init__(self, path: Path) -> None:
        """Open the file, and create it when it is missing. One of an earlier version is brought to this one.

        Raises:
            DamagedIndexError: it is damaged, or no index.
            StoreError: it cannot be opened, or is of a later version.
            OSError: its folder cannot be created.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = Lock()
        with _told(path):
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            with _told(path):
                self._connection.create_function("key_of", 1, key_of, deterministic=True)
                for setting in (
                    "journal_mode = WAL",
                    "synchronous = FULL",
                    f"cache_size = -{_CACHE_KIB}",
                    f"wal_autocheckpoint = {_LOG_PAGES}",
                ):
                    self._connection.execute(f"PRAGMA {setting}")
            with self._writing() as connection:
                make_tables(connection, str(path))
        except BaseException:
            self._connection.close()
            raise

    @property
    def is_built(self) -> bool:
        with self._reading() as connection:
            return pragma(connection, "user_version") == VERSION

    def rebuild(self, manifests: Mapping[str, Manifest], withdrawals: Sequence[Withdrawal] = ()) -> None:
        versions = oldest_first(manifests)
        with self._writing() as connection:
            for table in ("known", "history", "url_key", "missing"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608  # constants
            record(connection, versions, (), {})
            withdraw(connection, withdrawals)
            connection.execute("UPDATE known SET unwritten = NULL WHERE unwritten IS NOT NULL")
            connection.execute(f"PRAGMA user_version = {VERSION}")

    def lookup(self, source: str, url_digests: Iterable[str]) -> dict[str, IndexRow]:
        wanted = set(url_digests)
        with self._reading() as connection:
            if connection.execute("SELECT 1 FROM known LIMIT 1").fetchone() is None:
                return {}
            return {row.url_digest: row for row in rows_of_urls(connection, wanted) if row.source == source}

    def find(self, url_digest: str) -> list[IndexRow]:
        with self._reading() as connection:
            return sorted(rows_of_urls(connection, {url_digest}))

    def record(self, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None] = ()) -> dict[int, IndexRow]:
        met: dict[int, IndexRow] = {}
        with self._writing() as connection:
            record(connection, rows, seen, met)
        return met

    def claim(self, url_digests: Iterable[str]) -> set[str]:
        return set(url_digests)

    def release(self, url_digests: Iterable[str]) -> None:
        pass

    def current(self, source: str) -> list[IndexRow]:
        with self._reading() as connection:
            found = connection.execute(
                f"{SELECT} WHERE source = ? AND withdrawn_at IS NULL ORDER BY url, url_digest", (source,)
            )
            return list(map(IndexRow._make, found))

    def objects(self, source: str) -> list[tuple[str, str, str, str]]:
        with self._reading() as connection:
            return connection.execute(
                "SELECT digest, path, changed_at, manifest FROM known WHERE source = ? AND withdrawn_at IS NULL",
                (source,),
            ).fetchall()

    def count(self, source: str) -> int:
        # Each of the two counts an index alone; `withdrawn_at IS NULL` would look at every row.
        question = """SELECT (SELECT count(*) FROM known WHERE source = :source)
            - (SELECT count(*) FROM known WHERE source = :source AND withdrawn_at IS NOT NULL)"""
        with self._reading() as connection:
            return int(connection.execute(question, {"source": source}).fetchone()[0])

    def unlisted(self, source: str, url_digests: Set[str], most: int) -> list[str]:
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT url_digest, url FROM known WHERE source = ? AND withdrawn_at IS NULL", (source,)
            )
            return list(islice((url for digest, url in rows if digest not in url_digests), most))

    def versions(self, source: str, url_digest: str) -> list[Version]:
        with self._reading() as connection:
            there = places_of_urls(connection, {url_digest}).get((source, url_digest))
            found = connection.execute(
                """SELECT seen_at, digest, manifest FROM (
                    SELECT place, seen_at, digest, manifest FROM history WHERE id = :id
                    UNION ALL SELECT NULL, changed_at, digest, manifest FROM known
                    WHERE id = :id AND withdrawn_at IS NULL
                ) ORDER BY place NULLS LAST""",
                {"id": there and there.id},
            )
            return list(map(Version._make, found))

    def sources(self) -> list[str]:
        with self._reading() as connection:
            # Hops from source to source; DISTINCT would walk over every row.
            found = connection.execute(
                """WITH RECURSIVE one (name) AS (
                    SELECT min(source) FROM known
                    UNION ALL SELECT (SELECT min(source) FROM known WHERE source > name) FROM one WHERE name IS NOT NULL
                ) SELECT name FROM one WHERE name IS NOT NULL"""
            )
            return [str(name) for (name,) in found]

    def miss(self, run: Run, missed: Sequence[Missed]) -> list[Standing]:
        now = timestamp(time.time())
        result: list[Standing] = []
        with self._writing() as connection:
            places = places_of_urls(connection, {one.url_digest for one in missed})
            for one in missed:
                there = places.get(one)
                if there is None:
                    result.append(Standing.UNKNOWN)
                    continue
                found = connection.execute(
                    "SELECT run, began_at, noted_at FROM missing WHERE id = ?", (there.id,)
                ).fetchone()
                before = None if found is None else MissNote(*found)
                stands, note = standing(there.checked_at, there.withdrawn_at, before, run, noted_at=now)
                if note is not None and note != before:
                    connection.execute("INSERT OR REPLACE INTO missing VALUES (?, ?, ?, ?)", (there.id, *note))
                result.append(stands)
        return result

    def forget_misses(self, source: str, url_digests: Iterable[str] | None = None) -> None:
        with self._writing() as connection:
            if url_digests is None:
                connection.execute(
                    "DELETE FROM missing WHERE (SELECT source FROM known WHERE known.id = missing.id) = ?", (source,)
                )
            elif connection.execute("SELECT 1 FROM missing LIMIT 1").fetchone() is not None:
                places = places_of_urls(connection, set(url_digests))
                connection.executemany(
                    "DELETE FROM missing WHERE id = ?", [(one.id,) for key, one in places.items() if key[0] == source]
                )

    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> list[bool]:
        with self._writing() as connection:
            return withdraw(connection, withdrawals)

    def unwritten(self) -> list[Withdrawal]:
        with self._reading() as connection:
            found = connection.execute(
                "SELECT source, url_digest, url, withdrawn_at, unwritten FROM known WHERE unwritten IS NOT NULL"
            )
            return sorted(map(Withdrawal._make, found))

    def written(self, withdrawals: Sequence[Withdrawal]) -> None:
        with self._writing() as connection:
            places = places_of_urls(connection, {one.url_digest for one in withdrawals})
            connection.executemany(
                "UPDATE known SET unwritten = NULL WHERE id = ? AND withdrawn_at <= ?",
                [
                    (places[one.source, one.url_digest].id, one.withdrawn_at)
                    for one in withdrawals
                    if (one.source, one.url_digest) in places
                ],
            )

    def withdrawn(self, source: str) -> list[tuple[IndexRow, str]]:
        with self._reading() as connection:
            found = connection.execute(
                f"SELECT {COLUMNS}, withdrawn_at FROM known "  # noqa: S608  # constants
                "WHERE source = ? AND withdrawn_at IS NOT NULL ORDER BY url, url_digest",
                (source,),
            )
            return [(IndexRow(*columns), withdrawn_at) for *columns, withdrawn_at in found]

    def clock(self) -> float:
        # A process that is interrupted between the two readings finds too little.
        return max(time.time() - elapsed() for _ in range(3))

    def watermark(self, source: str) -> str | None:
        with self._reading() as connection:
            row = connection.execute("SELECT value FROM watermark WHERE source = ?", (source,)).fetchone()
        return None if row is None else str(row[0])

    def move_watermark(self, source: str, value: str) -> None:
        with self._writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO watermark VALUES (?, ?, ?)", (source, value, timestamp(time.time()))
            )

    def begin_runs(self, scope: Scope, names: Sequence[str], run: str) -> None:
        now = timestamp(time.time())
        with self._writing() as connection:
            connection.executemany(
                """INSERT INTO last_run VALUES (?, ?, ?, ?, NULL, 0, '[]') ON CONFLICT (scope, name)
                DO UPDATE SET run = excluded.run, began_at = excluded.began_at, ended_at = NULL""",
                [(scope.value, name, run, now) for name in names],
            )

    def end_runs(self, scope: Scope, failures: Mapping[str, Sequence[Failure]], run: str) -> None:
        now = timestamp(time.time())
        with self._writing() as connection:
            connection.executemany(
                """INSERT INTO last_run AS noted VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (scope, name)
                DO UPDATE SET ended_at = excluded.ended_at, failed = excluded.failed, failures = excluded.failures
                WHERE noted.run = excluded.run""",
                [(scope.value, name, run, now, now, *rest) for name, *rest in rows_of(failures)],
            )

    def last_runs(self, scope: Scope) -> dict[str, LastRun]:
        with self._reading() as connection:
            found = connection.execute(
                "SELECT name, run, began_at, ended_at, failed, failures FROM last_run WHERE scope = ?", (scope.value,)
            )
            return {name: LastRun.parse(name, *rest) for name, *rest in found}

    def close(self) -> None:
        with self._lock, _told(self._path):
            self._connection.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        # A transaction that reads first and writes later fails where another wrote in between; this one waits.
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock, _told(self._path):
            self._connection.execute(begin)
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                # Some errors, such as a full disk, have ended the transaction already.
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """SQLite's errors as those of the store."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # the rest of the bits are details
        kind = DamagedIndexError if code in _DAMAGED else StoreError
        raise kind(str(path), f"the index cannot be used ({error})", advice=_ADVICE.get(code, "")) from error

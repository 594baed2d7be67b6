"""SQLite index: an index in one file beside the store, for the processes of one machine."""

import errno
import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence, Set
from functools import lru_cache
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any

from airnub_core.errors import ADVICE, DamagedIndexError, StoreError
from airnub_core.store.clock import elapsed
from airnub_core.store.index.base import Index
from airnub_core.store.index.sqlite_schema import VERSION, key_of, make_tables, pragma
from airnub_core.store.index.tables import IndexRow, Key, MissNote, State, T, UrlOfSource, Version

_CACHE_KIB = 8 * 1024
_LOG_PAGES = 4000
"""Number of pages, of 4 KiB each, after which the write-ahead log is checkpointed."""
_BUSY_SECONDS = 60
_FULL = 64 * 1024
"""Free bytes below which an I/O error is that of a full disk, where SQLite cannot enlarge its shared memory."""
_ADVICE = {
    sqlite3.SQLITE_FULL: ADVICE[errno.ENOSPC],
    sqlite3.SQLITE_READONLY: ADVICE[errno.EROFS],
    sqlite3.SQLITE_IOERR: ADVICE[errno.EIO],
}
# Not a database, a corrupt one, or one with different tables. A full disk or a lock does not mean damage.
_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR}
_NAMES = {name: name for name in ("known", "history", "watermark", "missing", "last_run", "url_digest")} | {
    "key": "id = %s",
    "key_columns": "id",
    "key_values": "%s",
    "missed_source": "(SELECT source FROM known WHERE known.id = missing.id)",
}
_COLUMNS = ", ".join(IndexRow._fields)
_OTHERS = IndexRow._fields[2:]
_INSERT = f"INSERT INTO known ({_COLUMNS}, id) VALUES ({', '.join('?' * (len(IndexRow._fields) + 1))})"  # noqa: S608  # constants
_UPDATE = f"UPDATE known SET {', '.join(f'{column} = ?' for column in _OTHERS)} WHERE id = ?"  # noqa: S608  # constants
_IDS = "SELECT id FROM url_key WHERE key IN (SELECT value FROM json_each(:keys))"


class _Tables:
    """Implementation of `tables.Tables` over a connection with an open transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def ask(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(_translated(question), values).fetchall()

    def ask_each(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        self.connection.executemany(_translated(statement), rows)

    def begin_anew(self) -> None:
        for table in ("known", "history", "url_key", "missing"):
            self.ask(f"DELETE FROM {table}")  # noqa: S608  # constants

    def mark_built(self) -> None:
        self.ask(f"PRAGMA user_version = {VERSION}")

    def rows(self, url_digests: Set[str], *, withdrawn: bool = False) -> Iterable[IndexRow]:
        if not self.ask("SELECT 1 FROM known LIMIT 1"):
            return ()
        question = f"SELECT {_COLUMNS} FROM known WHERE id IN ({_IDS})"  # noqa: S608  # constants
        found = self.connection.execute(
            question if withdrawn else f"{question} AND withdrawn_at IS NULL", _keys(url_digests)
        )
        return (row for row in map(IndexRow._make, found) if row.url_digest in url_digests)

    def states(self, url_digests: Set[str], *, lock: bool = True) -> dict[UrlOfSource, State]:
        del lock  # a writing transaction excludes other writers anyway
        found = self.connection.execute(
            "SELECT source, url_digest, id, checked_at, withdrawn_at, unwritten, run, began_at, noted_at"  # noqa: S608  # constants
            f" FROM known LEFT JOIN missing USING (id) WHERE id IN ({_IDS})",
            _keys(url_digests),
        )
        states: dict[UrlOfSource, State] = {}
        for source, url_digest, place, checked_at, withdrawn_at, unwritten, *columns in found:
            if url_digest in url_digests:
                note = None if columns[0] is None else MissNote(*columns)
                states[source, url_digest] = State((place,), checked_at, withdrawn_at, unwritten, note)
        return states

    def histories(self, keys: Sequence[Key]) -> Iterable[tuple[Key, int, Version]]:
        found = self.ask(
            """SELECT id, place, seen_at, digest, manifest FROM history
            WHERE id IN (SELECT value FROM json_each(?)) ORDER BY place""",
            json.dumps([known for (known,) in keys]),
        )
        return (((known,), place, Version(*version)) for known, place, *version in found)

    def compare_and_set(
        self, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None], places: Sequence[int]
    ) -> Sequence[int]:
        connection = self.connection
        places = _note_checks(connection, rows, seen, places)
        if not places:
            return places
        states = self.states({rows[place].url_digest for place in places})
        # This transaction excludes other writers, so a URL that is not found now is new.
        [last] = connection.execute("SELECT coalesce(max(id), 0) FROM known").fetchone()
        new: list[tuple[Any, ...]] = []
        changed: list[tuple[Any, ...]] = []
        others: list[int] = []
        for place in places:
            row, looked_up = rows[place], seen[place]
            there = states.get(row[:2])
            if there is None:
                last += 1
                new.append((*row, last))
            elif looked_up is not None and there.checked_at == looked_up.checked_at and there.withdrawn_at is None:
                changed.append((*row[2:], *there.key))
            else:
                others.append(place)
        connection.executemany(_INSERT, new)
        connection.executemany("INSERT INTO url_key VALUES (?, ?)", [(key_of(row[1]), row[-1]) for row in new])
        connection.executemany(_UPDATE, changed)
        return others


class _Transactions:
    """Transactions over one connection in WAL mode; the file is created if it is missing."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._lock = Lock()
        try:
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._tables = _Tables(self._connection)
            try:
                self._connection.create_function("key_of", 1, key_of, deterministic=True)
                for setting in (
                    "journal_mode = WAL",
                    "synchronous = FULL",
                    f"cache_size = -{_CACHE_KIB}",
                    f"wal_autocheckpoint = {_LOG_PAGES}",
                ):
                    self._connection.execute(f"PRAGMA {setting}")
            except BaseException:
                self._connection.close()
                raise
        except sqlite3.Error as error:
            raise _store_error(error, path) from error

    def run(self, work: Callable[[_Tables], T]) -> T:
        return self._transaction("BEGIN", work)

    def write(self, work: Callable[[_Tables], T]) -> T:
        # A deferred transaction that reads first fails on its write if a different one wrote meanwhile; this one waits.
        return self._transaction("BEGIN IMMEDIATE", work)

    def close(self) -> None:
        with self._lock:
            try:
                self._connection.close()
            except sqlite3.Error as error:
                raise _store_error(error, self._path) from error

    def _transaction(self, begin: str, work: Callable[[_Tables], T]) -> T:
        with self._lock:
            try:
                self._connection.execute(begin)
                try:
                    result = work(self._tables)
                    self._connection.execute("COMMIT")
                except BaseException:
                    # SQLite rolls back by itself on some errors, such as a full disk.
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise _store_error(error, self._path) from error
            return result


class SqliteIndex(Index):
    """An `Index` in one file."""

    shared = False

    def __init__(self, path: Path) -> None:
        """Open the file, create it if it is missing, and migrate the tables of an earlier version.

        Raises:
            DamagedIndexError: the file is damaged, or is not an index.
            StoreError: the file cannot be opened, or its tables are of a later version.
            OSError: the folder of the file cannot be created.
        """
        super().__init__(_Transactions(path))
        try:
            self._transactions.write(lambda tables: make_tables(tables.connection, str(path)))
        except BaseException:
            self.close()
            raise

    @property
    def is_built(self) -> bool:
        return self._transactions.run(lambda tables: pragma(tables.connection, "user_version") == VERSION)

    def claim(self, url_digests: Iterable[str]) -> set[str]:
        return set(url_digests)

    def release(self, url_digests: Iterable[str]) -> None:
        pass

    def unlisted(self, source: str, url_digests: Set[str], most: int) -> list[str]:
        def read(tables: _Tables) -> list[str]:
            rows = tables.connection.execute(
                "SELECT url_digest, url FROM known WHERE source = ? AND withdrawn_at IS NULL", (source,)
            )
            return list(islice((url for digest, url in rows if digest not in url_digests), most))

        return self._transactions.run(read)

    def clock(self) -> float:
        # The largest of three, since a process interrupted between the two readings gets a value that is too small.
        return max([time.time() - elapsed() for _ in range(3)])


def _note_checks(
    connection: sqlite3.Connection, rows: Sequence[IndexRow], before: Sequence[IndexRow | None], places: Sequence[int]
) -> Sequence[int]:
    """Update `checked_at` of rows that are otherwise unchanged, many in one statement; return the other positions."""
    rest: list[int] = []
    unchanged: dict[str, dict[str, int]] = {}
    for place in places:
        row, looked_up = rows[place], before[place]
        # All columns except `checked_at`, the last but one.
        if looked_up is not None and row[:-2] == looked_up[:-2] and row[-1] == looked_up[-1]:
            unchanged.setdefault(row[0], {})[row[1]] = place
        else:
            rest.append(place)
    for source, of_source in unchanged.items():
        sent = {url_digest: rows[place].checked_at for url_digest, place in of_source.items()}
        seen = {url_digest: one.checked_at for url_digest, place in of_source.items() if (one := before[place])}
        connection.create_function("sent", 1, sent.get)
        connection.create_function("seen", 1, seen.get)
        noted = connection.execute(
            f"UPDATE known SET checked_at = sent(url_digest) WHERE id IN ({_IDS}) AND source = :source"  # noqa: S608  # constants
            " AND checked_at = seen(url_digest) AND withdrawn_at IS NULL",
            {"source": source, **_keys(of_source)},
        )
        if noted.rowcount < len(of_source):
            # Rows that were updated here are found to be recorded already when they are merged.
            rest += of_source.values()
    return rest


def _keys(url_digests: Iterable[str]) -> dict[str, str]:
    return {"keys": json.dumps(list(map(key_of, url_digests)))}


@lru_cache
def _translated(question: str) -> str:
    """Translate a statement of `tables` to SQLite."""
    return question.format(**_NAMES).replace("%s", "?")


def _store_error(error: sqlite3.Error, path: Path) -> StoreError:
    """The StoreError for an error of SQLite; DamagedIndexError for a damaged file."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # higher bits are extended codes
    kind = DamagedIndexError if code in _DAMAGED else StoreError
    if code == sqlite3.SQLITE_IOERR and path.parent.is_dir() and shutil.disk_usage(path.parent).free < _FULL:
        code = sqlite3.SQLITE_FULL
    return kind(str(path), f"the index cannot be used ({error})", advice=_ADVICE.get(code, ""))

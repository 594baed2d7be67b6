"""The index in one SQLite file beside the store, for the processes of one machine.

Recording must not grow dear with the number of URLs that are known. Rows are appended, so only the way to them could: a
digest falls anywhere, and in one large tree each new row would write a page of its own, 4 KiB into the log and again
into the file. So new keys go into a small tree, `fresh`, whose pages are shared by the rows of a transaction, and many
at a time they are moved, in order, into the large one, `settled`. A key is the first 60 bits of a digest: it narrows
down, and the row itself says whether it is the one that is meant.
"""

import errno
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from airnub_core.errors import ADVICE, DamagedIndexError, StoreError
from airnub_core.store.clock import elapsed, timestamp
from airnub_core.store.index.known import (
    Entered,
    Known,
    Missed,
    Note,
    Run,
    Standing,
    Version,
    entered,
    entered_before,
    following,
    in_rounds,
    is_back,
    is_later,
    is_recorded,
    oldest_first,
    standing,
)
from airnub_core.store.index.last_run import Failure, LastRun, Scope, rows_of
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import Withdrawal

VERSION = 3
"""Of the tables; in `user_version` once the index is built."""
_APPLICATION = 0x61697269
"""Marks the file as an index of ours, in `application_id`."""
_SCHEMA = (
    """CREATE TABLE known (
        id INTEGER PRIMARY KEY,
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
        changed_at TEXT NOT NULL
    )""",
    "CREATE INDEX known_source ON known (source)",
    "CREATE TABLE fresh (key INTEGER, id INTEGER, PRIMARY KEY (key, id)) WITHOUT ROWID",
    "CREATE TABLE settled (key INTEGER, id INTEGER, PRIMARY KEY (key, id)) WITHOUT ROWID",
    """CREATE TABLE history (
        place INTEGER PRIMARY KEY,
        id INTEGER NOT NULL,
        seen_at TEXT NOT NULL,
        digest TEXT NOT NULL,
        manifest TEXT NOT NULL
    )""",
    "CREATE INDEX history_id ON history (id)",
    """CREATE TABLE IF NOT EXISTS watermark (
        source TEXT PRIMARY KEY,
        value TEXT NOT NULL,
        moved_at TEXT NOT NULL
    ) WITHOUT ROWID""",
)
# What version 2 did not have. The last state of a withdrawn URL is in the history already; `unwritten` is why it was
# withdrawn, until the store has that.
_WITHDRAWALS = (
    "ALTER TABLE known ADD COLUMN withdrawn_at TEXT",
    "ALTER TABLE known ADD COLUMN unwritten TEXT",
    "CREATE INDEX known_withdrawn ON known (source) WHERE withdrawn_at IS NOT NULL",
    "CREATE INDEX known_unwritten ON known (id) WHERE unwritten IS NOT NULL",
    "DROP TRIGGER IF EXISTS changed",
    """CREATE TRIGGER changed AFTER UPDATE OF digest ON known
    WHEN OLD.digest <> NEW.digest AND OLD.withdrawn_at IS NULL BEGIN
        INSERT INTO history (id, seen_at, digest, manifest)
        VALUES (OLD.id, OLD.changed_at, OLD.digest, OLD.manifest);
    END""",
    """CREATE TABLE missing (
        id INTEGER PRIMARY KEY,
        run TEXT NOT NULL,
        began_at TEXT NOT NULL,
        noted_at TEXT NOT NULL
    )""",
)
# Added without a new version: a release that does not know it leaves it alone.
_LAST_RUN = """CREATE TABLE IF NOT EXISTS last_run (
    scope TEXT NOT NULL,
    name TEXT NOT NULL,
    run TEXT NOT NULL,
    began_at TEXT NOT NULL,
    ended_at TEXT,
    failed INTEGER NOT NULL,
    failures TEXT NOT NULL,
    PRIMARY KEY (scope, name)
) WITHOUT ROWID"""
_COLUMNS = ", ".join(Known._fields)
_INSERT = f"INSERT INTO known ({_COLUMNS}, id) VALUES ({', '.join('?' * (len(Known._fields) + 1))})"  # noqa: S608  # constants
_UPDATE = f"UPDATE known SET {', '.join(f'{column} = ?' for column in Known._fields)} WHERE id = ?"  # noqa: S608  # constants
_IDS = """SELECT id FROM fresh WHERE key IN (SELECT value FROM json_each(:keys))
    UNION ALL SELECT id FROM settled WHERE key IN (SELECT value FROM json_each(:keys))"""
_SELECT = f"SELECT {_COLUMNS} FROM known"  # noqa: S608  # constants
# What version 1 held, whole: every check and every return to earlier bytes, which no manifest tells.
_FROM_VERSION_1 = (
    f"INSERT INTO known ({_COLUMNS}) SELECT {_COLUMNS} FROM url ORDER BY source, changed_at",  # noqa: S608  # constants
    """INSERT INTO history (id, seen_at, digest, manifest)
        SELECT known.id, version.seen_at, version.digest, version.manifest
        FROM version JOIN known USING (source, url_digest)
        WHERE version.seen_at <> known.changed_at OR version.digest <> known.digest
        ORDER BY version.seen_at""",
    "INSERT INTO settled SELECT key_of(url_digest), id FROM known ORDER BY 1",
    "DROP TABLE url",
    "DROP TABLE version",
)
_FRESH = 16_384
"""Keys in the small tree; more where the large one has grown, so that moving them stays cheap for each."""
_FRESH_SHARE = 16
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
                self._connection.create_function("key_of", 1, _key, deterministic=True)
                for setting in (
                    "journal_mode = WAL",
                    "synchronous = FULL",
                    f"cache_size = -{_CACHE_KIB}",
                    f"wal_autocheckpoint = {_LOG_PAGES}",
                ):
                    self._connection.execute(f"PRAGMA {setting}")
            with self._writing() as connection:
                self._make(connection)
        except BaseException:
            self._connection.close()
            raise

    @property
    def is_built(self) -> bool:
        with self._reading() as connection:
            return _pragma(connection, "user_version") == VERSION

    def rebuild(self, manifests: Mapping[str, Manifest], withdrawals: Sequence[Withdrawal] = ()) -> None:
        versions = oldest_first(manifests)
        with self._writing() as connection:
            for table in ("known", "history", "fresh", "settled", "missing"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608  # constants
            _record(connection, versions, (), {})
            _withdraw(connection, withdrawals)
            connection.execute("UPDATE known SET unwritten = NULL WHERE unwritten IS NOT NULL")
            connection.execute(f"PRAGMA user_version = {VERSION}")

    def lookup(self, source: str, url_digests: Iterable[str]) -> dict[str, Known]:
        wanted = set(url_digests)
        with self._reading() as connection:
            if connection.execute("SELECT 1 FROM known LIMIT 1").fetchone() is None:
                return {}
            return {row.url_digest: row for row in _rows(connection, wanted) if row.source == source}

    def find(self, url_digest: str) -> list[Known]:
        with self._reading() as connection:
            return sorted(_rows(connection, {url_digest}))

    def record(self, rows: Sequence[Known], seen: Sequence[Known | None] = ()) -> dict[int, Known]:
        met: dict[int, Known] = {}
        with self._writing() as connection:
            _record(connection, rows, seen, met)
        return met

    def claim(self, url_digests: Iterable[str]) -> set[str]:
        return set(url_digests)

    def release(self, url_digests: Iterable[str]) -> None:
        pass

    def current(self, source: str) -> list[Known]:
        with self._reading() as connection:
            found = connection.execute(
                f"{_SELECT} WHERE source = ? AND withdrawn_at IS NULL ORDER BY url, url_digest", (source,)
            )
            return list(map(Known._make, found))

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
            there = _ids(connection, {url_digest}).get((source, url_digest))
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
            places = _ids(connection, {one.url_digest for one in missed})
            for one in missed:
                there = places.get(one)
                if there is None:
                    result.append(Standing.UNKNOWN)
                    continue
                found = connection.execute(
                    "SELECT run, began_at, noted_at FROM missing WHERE id = ?", (there.id,)
                ).fetchone()
                before = None if found is None else Note(*found)
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
                places = _ids(connection, set(url_digests))
                connection.executemany(
                    "DELETE FROM missing WHERE id = ?", [(one.id,) for key, one in places.items() if key[0] == source]
                )

    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> list[bool]:
        with self._writing() as connection:
            return _withdraw(connection, withdrawals)

    def unwritten(self) -> list[Withdrawal]:
        with self._reading() as connection:
            found = connection.execute(
                "SELECT source, url_digest, url, withdrawn_at, unwritten FROM known WHERE unwritten IS NOT NULL"
            )
            return sorted(map(Withdrawal._make, found))

    def written(self, withdrawals: Sequence[Withdrawal]) -> None:
        with self._writing() as connection:
            places = _ids(connection, {one.url_digest for one in withdrawals})
            connection.executemany(
                "UPDATE known SET unwritten = NULL WHERE id = ? AND withdrawn_at <= ?",
                [
                    (places[one.source, one.url_digest].id, one.withdrawn_at)
                    for one in withdrawals
                    if (one.source, one.url_digest) in places
                ],
            )

    def withdrawn(self, source: str) -> list[tuple[Known, str]]:
        with self._reading() as connection:
            found = connection.execute(
                f"SELECT {_COLUMNS}, withdrawn_at FROM known "  # noqa: S608  # constants
                "WHERE source = ? AND withdrawn_at IS NOT NULL ORDER BY url, url_digest",
                (source,),
            )
            return [(Known(*columns), withdrawn_at) for *columns, withdrawn_at in found]

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

    def _make(self, connection: sqlite3.Connection) -> None:
        version = _pragma(connection, "user_version")
        if _pragma(connection, "application_id") == _APPLICATION:
            if version > VERSION:
                raise StoreError(
                    str(self._path),
                    f"expected an index of version {VERSION}, found {version}; "
                    "use the release that wrote it, or remove it",
                )
            connection.execute(f"{_SELECT} LIMIT 0")
            # Not by the number, which an index has only when it is built.
            if "withdrawn_at" not in {column for _, column, *_ in connection.execute("PRAGMA table_info(known)")}:
                for statement in _WITHDRAWALS:
                    connection.execute(statement)
                if version:
                    connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute(_LAST_RUN)
            return
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if tables and tables != {"url", "version", "watermark"}:
            raise DamagedIndexError(
                str(self._path), f"expected an index, found another program's tables: {', '.join(sorted(tables))}"
            )
        for statement in (*_SCHEMA, *_WITHDRAWALS, _LAST_RUN, *(_FROM_VERSION_1 if tables else ())):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        if version == 1:
            connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        # Who reads first and writes then fails where another one wrote in between; who says so at once waits.
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


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    [value] = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def _key(url_digest: str) -> int:
    return int(url_digest[:15], 16)


def _keys(url_digests: Iterable[str]) -> dict[str, str]:
    return {"keys": json.dumps(list(map(_key, url_digests)))}


def _rows(connection: sqlite3.Connection, url_digests: set[str]) -> Iterator[Known]:
    """What is known of URLs, in every source where they are not withdrawn."""
    found = connection.execute(f"{_SELECT} WHERE id IN ({_IDS}) AND withdrawn_at IS NULL", _keys(url_digests))
    return (row for row in map(Known._make, found) if row.url_digest in url_digests)


class _There(NamedTuple):
    """Where the row of a URL is, and when it was last checked and withdrawn."""

    id: int
    checked_at: str
    withdrawn_at: str | None


def _ids(connection: sqlite3.Connection, url_digests: set[str]) -> dict[tuple[str, str], _There]:
    """The rows of URLs, withdrawn ones among them, by source and digest of URL."""
    found = connection.execute(
        f"SELECT source, url_digest, id, checked_at, withdrawn_at FROM known WHERE id IN ({_IDS})",  # noqa: S608  # constants
        _keys(url_digests),
    )
    return {(source, url_digest): _There(*there) for source, url_digest, *there in found if url_digest in url_digests}


def _record(
    connection: sqlite3.Connection, rows: Sequence[Known], seen: Sequence[Known | None], met: dict[int, Known]
) -> None:
    # Nobody else writes until this transaction ends: what is not found now is new.
    [last] = connection.execute("SELECT coalesce(max(id), 0) FROM known").fetchone()
    before = seen or [None] * len(rows)
    for part in in_rounds(rows):
        places = _rest(connection, rows, before, part)
        ids = _ids(connection, {rows[place].url_digest for place in places}) if places else {}
        new: list[tuple[Any, ...]] = []
        changed: list[tuple[Any, ...]] = []
        others: dict[int, int] = {}
        for place in places:
            row, looked_up = rows[place], before[place]
            there = ids.get((row.source, row.url_digest))
            if there is None:
                last += 1
                new.append((*row, last))
            elif looked_up is not None and there.checked_at == looked_up.checked_at and there.withdrawn_at is None:
                changed.append((*row, there.id))
            else:
                others[there.id] = place
        connection.executemany(_INSERT, new)
        connection.executemany("INSERT INTO fresh VALUES (?, ?)", [(_key(row[1]), row[-1]) for row in new])
        connection.executemany(_UPDATE, changed)
        if others:
            _merge(connection, rows, others, met)
        if new:
            _settle(connection, last)


def _rest(
    connection: sqlite3.Connection, rows: Sequence[Known], before: Sequence[Known | None], places: Sequence[int]
) -> Sequence[int]:
    """Note when rows were checked of which nothing else is new, many in one statement; the places that are left."""
    rest: list[int] = []
    unchanged: dict[str, dict[str, int]] = {}
    for place in places:
        row, looked_up = rows[place], before[place]
        # All but `checked_at`, which is the last but one.
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
            # The others of them are found to be recorded already.
            rest += of_source.values()
    return rest


def _merge(
    connection: sqlite3.Connection, rows: Sequence[Known], others: Mapping[int, int], met: dict[int, Known]
) -> None:
    """Record answers, their places by id, whose URLs are in other states than were looked up."""
    found = connection.execute(
        f"SELECT id, withdrawn_at, unwritten, {_COLUMNS} FROM known "  # noqa: S608  # constants
        "WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(others)),),
    ).fetchall()
    for known, withdrawn_at, unwritten, *columns in found:
        place, present = others[known], Known(*columns)
        row = rows[place]
        if withdrawn_at is not None and unwritten is None and is_back(row, withdrawn_at):
            connection.execute(_UPDATE, (*row, known))
            connection.execute("UPDATE known SET withdrawn_at = NULL WHERE id = ?", (known,))
            continue
        if withdrawn_at is None:
            if not is_recorded(present, row):
                met[place] = present
            if is_later(present, row):
                connection.execute(_UPDATE, (*following(present, row), known))
                continue
        places, history = [], []
        for at, *version in connection.execute(
            "SELECT place, seen_at, digest, manifest FROM history WHERE id = ? ORDER BY place", (known,)
        ):
            places.append(at)
            history.append(Version(*version))
        if withdrawn_at is None:
            after = entered(present, row, history)
        else:
            after = Entered(present, *entered_before(row, history))
        if after.present != present:
            connection.execute("UPDATE known SET changed_at = ? WHERE id = ?", (after.present.changed_at, known))
        connection.executemany("DELETE FROM history WHERE place = ?", [(at,) for at in places[after.kept :]])
        connection.executemany(
            "INSERT INTO history (id, seen_at, digest, manifest) VALUES (?, ?, ?, ?)",
            [(known, *version) for version in after.tail],
        )


def _withdraw(connection: sqlite3.Connection, withdrawals: Sequence[Withdrawal]) -> list[bool]:
    places = _ids(connection, {one.url_digest for one in withdrawals})
    result: list[bool] = []
    for one in withdrawals:
        there = places.get((one.source, one.url_digest))
        if there is None or (there.withdrawn_at is None and there.checked_at > one.withdrawn_at):
            result.append(False)
            continue
        result.append(True)
        if there.withdrawn_at is not None and there.withdrawn_at >= one.withdrawn_at:
            continue
        if there.withdrawn_at is None:
            connection.execute(
                """INSERT INTO history (id, seen_at, digest, manifest)
                SELECT id, changed_at, digest, manifest FROM known WHERE id = ?""",
                (there.id,),
            )
        connection.execute(
            "UPDATE known SET withdrawn_at = ?, unwritten = ? WHERE id = ?", (one.withdrawn_at, one.reason, there.id)
        )
        connection.execute("DELETE FROM missing WHERE id = ?", (there.id,))
        places[one.source, one.url_digest] = there._replace(withdrawn_at=one.withdrawn_at)
    return result


def _settle(connection: sqlite3.Connection, known: int) -> None:
    """Move the keys of the small tree into the large one, when they are many."""
    [fresh] = connection.execute("SELECT count(*) FROM fresh").fetchone()
    if fresh > max(_FRESH, known // _FRESH_SHARE):
        connection.execute("INSERT INTO settled SELECT key, id FROM fresh ORDER BY key, id")
        connection.execute("DELETE FROM fresh")

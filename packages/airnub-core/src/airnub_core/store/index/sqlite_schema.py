"""SQLite schema: create the tables of the index, and migrate tables of earlier versions."""

import sqlite3

from airnub_core.errors import DamagedIndexError, StoreError
from airnub_core.store.index.tables import IndexRow

VERSION = 4
"""Version of the tables; stored in `user_version` once the index is built."""
_APPLICATION = 0x61697269
"""Value of `application_id`, which marks the file as an airnub index."""
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
    "CREATE TABLE url_key (key INTEGER, id INTEGER, PRIMARY KEY (key, id)) WITHOUT ROWID",
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
# New in version 3. The last state of a withdrawn URL is copied to the history on withdrawal; `unwritten` is the reason
# of the withdrawal, until the store has it.
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
# Added without a new version, since earlier releases ignore the table.
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
# Version 3 had new keys in a separate table.
_FROM_VERSION_3 = (
    "ALTER TABLE settled RENAME TO url_key",
    "INSERT INTO url_key SELECT key, id FROM fresh",
    "DROP TABLE fresh",
)
_COLUMNS = ", ".join(IndexRow._fields)
# Copies all of version 1, since times of checks and returns to earlier bytes are not in the manifests.
_FROM_VERSION_1 = (
    f"INSERT INTO known ({_COLUMNS}) SELECT {_COLUMNS} FROM url ORDER BY source, changed_at",  # noqa: S608  # constants
    """INSERT INTO history (id, seen_at, digest, manifest)
        SELECT known.id, version.seen_at, version.digest, version.manifest
        FROM version JOIN known USING (source, url_digest)
        WHERE version.seen_at <> known.changed_at OR version.digest <> known.digest
        ORDER BY version.seen_at""",
    "INSERT INTO url_key SELECT key_of(url_digest), id FROM known ORDER BY 1",
    "DROP TABLE url",
    "DROP TABLE version",
)


def make_tables(connection: sqlite3.Connection, name: str) -> None:
    """Create the tables, or migrate those of an earlier version, in the caller's transaction; `name` is for messages.

    Raises:
        DamagedIndexError: the tables are those of a different program.
        StoreError: the index is of a later version.
    """
    version = pragma(connection, "user_version")
    tables = {table for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if pragma(connection, "application_id") == _APPLICATION:
        if version > VERSION:
            raise StoreError(
                name,
                f"expected an index of version {VERSION}, found {version}; use the release that wrote it, or remove it",
            )
        connection.execute(f"SELECT {_COLUMNS} FROM known LIMIT 0")  # noqa: S608  # constants
        # Decided by the columns, since an index has a version number only once it is built.
        if "withdrawn_at" not in {column for _, column, *_ in connection.execute("PRAGMA table_info(known)")}:
            _execute(connection, _WITHDRAWALS)
        if "fresh" in tables:
            _execute(connection, _FROM_VERSION_3)
        if 0 < version < VERSION:
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute(_LAST_RUN)
        return
    if tables and tables != {"url", "version", "watermark"}:
        raise DamagedIndexError(
            name, f"expected an index, found the tables of a different program: {', '.join(sorted(tables))}"
        )
    _execute(connection, (*_SCHEMA, *_WITHDRAWALS, _LAST_RUN, *(_FROM_VERSION_1 if tables else ())))
    connection.execute(f"PRAGMA application_id = {_APPLICATION}")
    if version == 1:
        connection.execute(f"PRAGMA user_version = {VERSION}")


def pragma(connection: sqlite3.Connection, name: str) -> int:
    """Read the integer value of a pragma."""
    [value] = connection.execute(f"PRAGMA {name}").fetchone()
    return int(value)


def key_of(url_digest: str) -> int:
    """The first 60 bits of a URL digest, the key of `url_key`; rows found by it are checked for the complete digest."""
    return int(url_digest[:15], 16)


def _execute(connection: sqlite3.Connection, statements: tuple[str, ...]) -> None:
    for statement in statements:
        connection.execute(statement)

"""PostgreSQL index: the index of a store that workers on several machines share.

One store, one schema. The tables are in the schema `airnub`; the index of a second store in the same database needs a
schema of its own, named in the URL: `postgresql://user:password@host/database?schema=project_beta`. A schema that is
missing is created. Everything else in the URL is libpq's.
"""

from collections.abc import Iterable, Sequence, Set
from contextlib import AbstractContextManager
from typing import LiteralString
from uuid import uuid4

from airnub_core.errors import StoreError
from airnub_core.store.clock import elapsed
from airnub_core.store.index.base import Index
from airnub_core.store.index.leases import LEASE_SECONDS
from airnub_core.store.index.postgres_connection import Connected, Transactions
from airnub_core.store.index.tables import SELECT, IndexRow, Key, MissNote, State, UrlOfSource, Version

VERSION = 3
"""Version of the tables."""
_BEFORE_WITHDRAWALS = 2
"""The earlier version that is migrated."""
_SCHEMA: tuple[LiteralString, ...] = (
    """CREATE TABLE {known} (
        source text COLLATE "C" NOT NULL,
        url_digest bytea NOT NULL,
        url text COLLATE "C" NOT NULL,
        digest text NOT NULL,
        path text NOT NULL,
        size bigint NOT NULL,
        manifest text NOT NULL,
        etag text,
        last_modified text,
        checked_at text NOT NULL,
        changed_at text NOT NULL,
        PRIMARY KEY (url_digest, source)
    )""",
    "CREATE INDEX ON {known} (source)",
    """CREATE TABLE {history} (
        place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        source text COLLATE "C" NOT NULL,
        url_digest bytea NOT NULL,
        seen_at text NOT NULL,
        digest text NOT NULL,
        manifest text NOT NULL
    )""",
    "CREATE INDEX ON {history} (url_digest)",
    """CREATE FUNCTION {remember}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO {history} (source, url_digest, seen_at, digest, manifest)
        VALUES (OLD.source, OLD.url_digest, OLD.changed_at, OLD.digest, OLD.manifest);
        RETURN NULL;
    END $$""",
    """CREATE TABLE {watermark} (
        source text PRIMARY KEY,
        value text NOT NULL,
        moved_at timestamptz NOT NULL
    )""",
    """CREATE TABLE {claim} (
        url_digest bytea PRIMARY KEY,
        owner text NOT NULL,
        until timestamptz NOT NULL
    )""",
    "CREATE TABLE {state} (version integer NOT NULL, built boolean NOT NULL)",
)
# New in version 3; see `sqlite_schema`.
_WITHDRAWALS: tuple[LiteralString, ...] = (
    "ALTER TABLE {known} ADD COLUMN withdrawn_at text, ADD COLUMN unwritten text",
    "CREATE INDEX ON {known} (source) WHERE withdrawn_at IS NOT NULL",
    "CREATE INDEX ON {known} (source) WHERE unwritten IS NOT NULL",
    "DROP TRIGGER IF EXISTS changed ON {known}",
    """CREATE TRIGGER changed AFTER UPDATE OF digest ON {known} FOR EACH ROW
        WHEN (OLD.digest <> NEW.digest AND OLD.withdrawn_at IS NULL) EXECUTE FUNCTION {remember}()""",
    """CREATE TABLE {missing} (
        source text NOT NULL,
        url_digest bytea NOT NULL,
        run text NOT NULL,
        began_at text NOT NULL,
        noted_at text NOT NULL,
        PRIMARY KEY (url_digest, source)
    )""",
)
# Added without a new version; see `sqlite_schema`.
_LAST_RUN: LiteralString = """CREATE TABLE {last_run} (
    scope text NOT NULL,
    name text NOT NULL,
    run text NOT NULL,
    began_at text NOT NULL,
    ended_at text,
    failed bigint NOT NULL,
    failures text NOT NULL,
    PRIMARY KEY (scope, name)
)"""
# Rows are locked in the order of their keys, so that two writers cannot deadlock. A row is written if it is new, or if
# its `checked_at` is still the one looked up; other rows are locked and left unchanged. The `checked_at` looked up is
# passed as `changed_at`, the one column whose new value follows from the others. The result is the number of rows
# written, and the number of them that were looked up but deleted since: their `changed_at` is set by `_CHANGED_AT`.
_COMPARE_AND_SET: LiteralString = """WITH written AS (
        INSERT INTO {known} AS present
        SELECT
            source, decode(url_digest, 'hex'), url, digest, path, size, manifest, etag, last_modified,
            checked_at, changed_at
        FROM unnest(
            %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[],
            %s::text[], %s::text[], %s::text[]
        ) AS given (
            source, url_digest, url, digest, path, size, manifest, etag, last_modified, checked_at, changed_at
        ) ORDER BY url_digest COLLATE "C", source COLLATE "C"
        ON CONFLICT (url_digest, source) DO UPDATE SET
            url = excluded.url, digest = excluded.digest, path = excluded.path, size = excluded.size,
            manifest = excluded.manifest, etag = excluded.etag, last_modified = excluded.last_modified,
            checked_at = excluded.checked_at,
            changed_at = CASE present.digest WHEN excluded.digest THEN present.changed_at ELSE excluded.checked_at END
        WHERE present.checked_at = excluded.changed_at AND present.withdrawn_at IS NULL
        RETURNING present.xmax = 0 AND present.changed_at <> present.checked_at AS is_back
    ) SELECT count(*), count(*) FILTER (WHERE is_back) FROM written"""
# For rows deleted between lookup and write, which `_COMPARE_AND_SET` inserts with the `checked_at` looked up.
_CHANGED_AT: LiteralString = """UPDATE {known} AS present SET changed_at = given.changed_at
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS given (source, url_digest, looked_up, checked_at, changed_at)
    WHERE present.url_digest = decode(given.url_digest, 'hex') AND present.source = given.source
    AND present.checked_at = given.checked_at AND present.changed_at = given.looked_up"""
_STATES: LiteralString = """SELECT source, encode(url_digest, 'hex'), url_digest, checked_at, withdrawn_at, unwritten
    FROM {known} WHERE url_digest = ANY(%s) ORDER BY url_digest, source"""
_CLAIM: LiteralString = """INSERT INTO {claim} AS present
    SELECT url_digest, %s, clock_timestamp() + make_interval(secs => %s) FROM unnest(%s::bytea[]) AS given (url_digest)
    ON CONFLICT (url_digest) DO UPDATE SET owner = excluded.owner, until = excluded.until
        WHERE present.owner = excluded.owner OR present.until < clock_timestamp()
    RETURNING encode(url_digest, 'hex')"""
_PROLONG: LiteralString = """UPDATE {claim} SET until = clock_timestamp() + make_interval(secs => %s)
    WHERE owner = %s AND until < clock_timestamp() + make_interval(secs => %s)"""
_CLOCK_FOR = 60.0
"""Seconds for which the server's time is cached."""


class PostgresTables(Connected):
    """Implementation of `tables.Tables` in one schema."""

    def begin_anew(self) -> None:
        self.ask("TRUNCATE {known}, {history}, {missing}")

    def mark_built(self) -> None:
        self.ask("UPDATE {state} SET built = true")

    def rows(self, url_digests: Set[str], *, withdrawn: bool = False) -> Iterable[IndexRow]:
        question = SELECT + " WHERE url_digest = ANY(%s)"
        found = self.ask(question if withdrawn else question + " AND withdrawn_at IS NULL", _bytes(url_digests))
        return map(IndexRow._make, found)

    def states(self, url_digests: Set[str], *, lock: bool = True) -> dict[UrlOfSource, State]:
        digests = _bytes(url_digests)
        found = self.ask(_STATES + " FOR UPDATE" if lock else _STATES, digests)
        # A second statement after the lock: a single one would see the notes as of before it waited for the lock.
        noted = self.ask(
            "SELECT url_digest, source, run, began_at, noted_at FROM {missing} WHERE url_digest = ANY(%s)", digests
        )
        notes = {(url_digest, source): MissNote(*note) for url_digest, source, *note in noted}
        return {
            (source, digits): State((key, source), checked_at, withdrawn_at, unwritten, notes.get((key, source)))
            for source, digits, key, checked_at, withdrawn_at, unwritten in found
        }

    def histories(self, keys: Sequence[Key]) -> Iterable[tuple[Key, int, Version]]:
        found = self.ask(
            """SELECT url_digest, source, place, seen_at, digest, manifest FROM {history}
            WHERE url_digest = ANY(%s) ORDER BY place""",
            [url_digest for url_digest, _ in keys],
        )
        return (((url_digest, source), place, Version(*version)) for url_digest, source, place, *version in found)

    def compare_and_set(
        self, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None], places: Sequence[int]
    ) -> Sequence[int]:
        pairs = [(rows[place], seen[place]) for place in places]
        given = [row if before is None else row._replace(changed_at=before.checked_at) for row, before in pairs]
        [(written, back)] = self.ask(_COMPARE_AND_SET, *map(list, zip(*given, strict=True)))
        if back:
            gone = [(*row[:2], before.checked_at, *row[-2:]) for row, before in pairs if before is not None]
            self.ask(_CHANGED_AT, *map(list, zip(*gone, strict=True)))
        return [] if written == len(given) else places


class PostgresIndex(Index):
    """An `Index` in one schema of a database; it reconnects once if the connection broke between two calls."""

    shared = True

    def __init__(self, url: str) -> None:
        """Connect to a URL of libpq, with an optional parameter `schema`, and create the tables if they are missing.

        Raises:
            StoreError: the server is unreachable, refuses the login, or the schema has tables of a different version.
        """
        self._server: Transactions[PostgresTables] = Transactions(url, PostgresTables)
        super().__init__(self._server)
        self._me = uuid4().hex
        self._ahead = 0.0
        """Offset in seconds from `elapsed` to the server's time."""
        self._clock_until = 0.0
        try:
            self._transactions.run(lambda tables: _make_tables(tables, self._server.name))
        except BaseException:
            self.close()
            raise

    @property
    def is_built(self) -> bool:
        return self._ask("SELECT built FROM {state}") == [(True,)]

    def alone(self) -> AbstractContextManager[None]:
        """Hold the lock for building this index, across all machines.

        Raises:
            StoreError: the server is unreachable.
        """
        return self._server.alone("building")

    def claim(self, url_digests: Iterable[str]) -> set[str]:
        wanted = _bytes(set(url_digests))

        def claim(tables: PostgresTables) -> set[str]:
            # Serialized, since two transactions that lock rows in different orders would deadlock.
            tables.wait_for_turn("claiming")
            tables.ask(_PROLONG, LEASE_SECONDS, self._me, LEASE_SECONDS / 2)
            return {digest for (digest,) in tables.ask(_CLAIM, self._me, LEASE_SECONDS, wanted)}

        return self._transactions.run(claim)

    def release(self, url_digests: Iterable[str]) -> None:
        given = _bytes(url_digests)

        def release(tables: PostgresTables) -> None:
            tables.wait_for_turn("claiming")
            tables.ask("DELETE FROM {claim} WHERE url_digest = ANY(%s) AND owner = %s", given, self._me)

        self._transactions.run(release)

    def unlisted(self, source: str, url_digests: Set[str], most: int) -> list[str]:
        question: LiteralString = """SELECT url FROM {known}
            WHERE source = %s AND withdrawn_at IS NULL AND NOT (url_digest = ANY(%s)) LIMIT %s"""
        return [url for (url,) in self._ask(question, source, _bytes(url_digests), most)]

    def clock(self) -> float:
        if elapsed() >= self._clock_until:
            self._transactions.run(self._read_clock)
        return self._ahead

    def _read_clock(self, tables: PostgresTables) -> None:
        before = elapsed()
        [(time,)] = tables.ask("SELECT extract(epoch FROM clock_timestamp())::float8")
        after = elapsed()
        self._ahead = time - (before + after) / 2
        self._clock_until = after + _CLOCK_FOR


def _bytes(url_digests: Iterable[str]) -> list[bytes]:
    return list(map(bytes.fromhex, url_digests))


def _make_tables(tables: PostgresTables, name: str) -> None:
    """Create the schema and the tables, or migrate those of the previous version; `name` is for error messages."""
    tables.wait_for_turn("making")
    [(present,)] = tables.ask("SELECT to_regclass(%s)", f'"{tables.schema}".state')
    if present is None:
        [(schema,)] = tables.ask("SELECT to_regnamespace(%s)", f'"{tables.schema}"')
        if schema is None:
            tables.create_schema()
        for statement in (*_SCHEMA, *_WITHDRAWALS, _LAST_RUN):
            tables.ask(statement)
        tables.ask("INSERT INTO {state} VALUES (%s, false)", VERSION)
        return
    [(version,)] = tables.ask("SELECT version FROM {state}")
    if version == _BEFORE_WITHDRAWALS:
        for statement in _WITHDRAWALS:
            tables.ask(statement)
        tables.ask("UPDATE {state} SET version = %s", VERSION)
    elif version != VERSION:
        raise StoreError(
            name,
            f"expected an index of version {VERSION} in schema {tables.schema}, found {version}; "
            "use the release that wrote it, or name another schema",
        )
    # Checked first, since `IF NOT EXISTS` needs the permission to create even if the table exists.
    [(last_run,)] = tables.ask("SELECT to_regclass(%s)", f'"{tables.schema}".last_run')
    if last_run is None:
        tables.ask(_LAST_RUN)

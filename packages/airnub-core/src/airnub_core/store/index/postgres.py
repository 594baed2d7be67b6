"""The index in PostgreSQL, for the workers of several machines that share one store.

One store, one schema. The tables are in the schema `airnub`; the index of a second store in the same database needs a
schema of its own, named in the URL: `postgresql://user:password@host/database?schema=project_beta`. A schema that is
missing is created. Everything else in the URL is libpq's. Names are qualified, and no state is kept in a session, so
that a pool of connections may stand between.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from threading import Lock
from typing import Any, LiteralString, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from airnub_common import redact_text
from airnub_core.errors import StoreError
from airnub_core.store.clock import elapsed, time_of
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
from airnub_core.store.index.protocol import CLAIMED
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import Withdrawal

VERSION = 3
"""Of the tables; the same number as SQLite's."""
_BEFORE_WITHDRAWALS = 2
"""The version that is brought to this one."""
DEFAULT_SCHEMA = "airnub"
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
# What version 2 did not have; see SQLite's.
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
# Added without a new version; see SQLite's.
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
_NAMES = ("known", "history", "remember", "watermark", "claim", "state", "missing", "last_run")
_SELECT: LiteralString = """SELECT source, encode(url_digest, 'hex'), url, digest, path, size, manifest, etag,
    last_modified, checked_at, changed_at FROM {known}"""
# Rows are locked in the order of their keys, the same for all: two writers cannot wait for each other. A row is written
# where it is new, or still the one that was looked up, by the time of its last check; others are locked and left.
# That time comes as `changed_at`, the one column whose new value can be made from the others. The answer is how many
# rows were written, and of how many of them, which were gone, `changed_at` is to be set.
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
_CHANGED_AT: LiteralString = """UPDATE {known} AS present SET changed_at = given.changed_at
    FROM unnest(%s::text[], %s::text[], %s::text[]) AS given (source, url_digest, changed_at)
    WHERE present.url_digest = decode(given.url_digest, 'hex') AND present.source = given.source"""
_ENTER: LiteralString = """INSERT INTO {history} (source, url_digest, seen_at, digest, manifest)
    SELECT source, decode(url_digest, 'hex'), seen_at, digest, manifest
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[]) WITH ORDINALITY
    AS given (source, url_digest, seen_at, digest, manifest, number) ORDER BY number"""
_CLAIM: LiteralString = """INSERT INTO {claim} AS present
    SELECT url_digest, %s, clock_timestamp() + make_interval(secs => %s) FROM unnest(%s::bytea[]) AS given (url_digest)
    ON CONFLICT (url_digest) DO UPDATE SET owner = excluded.owner, until = excluded.until
        WHERE present.owner = excluded.owner OR present.until < clock_timestamp()
    RETURNING encode(url_digest, 'hex')"""
_PROLONG: LiteralString = """UPDATE {claim} SET until = clock_timestamp() + make_interval(secs => %s)
    WHERE owner = %s AND until < clock_timestamp() + make_interval(secs => %s)"""
_BACK: LiteralString = """UPDATE {known} SET url = %s, digest = %s, path = %s, size = %s, manifest = %s, etag = %s,
    last_modified = %s, checked_at = %s, changed_at = %s, withdrawn_at = NULL
    WHERE url_digest = decode(%s, 'hex') AND source = %s"""
_STATES: LiteralString = """SELECT source, encode(url_digest, 'hex'), checked_at, withdrawn_at, unwritten FROM {known}
    WHERE url_digest = ANY(%s) ORDER BY url_digest, source FOR UPDATE"""
_ROWS_AT_ONCE = 5000
_CLOCK_FOR = 60.0
"""Seconds that the server's clock is gone by until it is asked again."""
_ENCODING = {"client_encoding": "UTF8"}
"""A database that knows no encoding (SQL_ASCII) would answer with bytes."""
_LIMITS = {"connect_timeout": "10", "keepalives_idle": "30", "tcp_user_timeout": "60000"}
"""Seconds, seconds and milliseconds; the URL may say otherwise."""

T = TypeVar("T")
_Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresIndex:
    """An `Index` in one schema of a database. A connection that broke between two calls is opened anew once."""

    shared = True

    def __init__(self, url: str) -> None:
        """Connect, and create the tables when they are missing.

        Raises:
            StoreError: no server answers, it does not let us in, or the schema holds something else.
        """
        self._name, self._conninfo, self._schema = _parsed(url)
        self._names = {name: sql.Identifier(self._schema, name) for name in _NAMES}
        self._me = uuid4().hex
        self._lock = Lock()
        self._closed = False
        self._connection: _Connection | None = None
        self._ahead = 0.0
        """What to add to `elapsed` for the server's time."""
        self._clock_until = 0.0
        try:
            self._run(self._make)
        except BaseException:
            self.close()
            raise

    @property
    def is_built(self) -> bool:
        return self._run(lambda connection: self._ask(connection, "SELECT built FROM {state}") == [(True,)])

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else is in here meanwhile, on whatever machine: for who looks whether it is built, and builds it.

        Raises:
            StoreError: the server cannot be asked.
        """
        with self._told(), self._connect() as connection, connection.transaction():
            self._ask(connection, "SET LOCAL idle_in_transaction_session_timeout = 0")
            self._wait_for_turn(connection, "building")
            yield

    def rebuild(self, manifests: Mapping[str, Manifest], withdrawals: Sequence[Withdrawal] = ()) -> None:
        versions = oldest_first(manifests)

        def build(connection: _Connection) -> None:
            self._ask(connection, "TRUNCATE {known}, {history}, {missing}")
            self._record(connection, versions, (), {})
            self._withdraw(connection, withdrawals)
            self._ask(connection, "UPDATE {known} SET unwritten = NULL WHERE unwritten IS NOT NULL")
            self._ask(connection, "UPDATE {state} SET built = true")

        self._write(build)

    def lookup(self, source: str, url_digests: Iterable[str]) -> dict[str, Known]:
        wanted = [bytes.fromhex(digest) for digest in url_digests]
        where: LiteralString = " WHERE url_digest = ANY(%s) AND source = %s AND withdrawn_at IS NULL"
        rows = self._known(_SELECT + where, wanted, source)
        return {row.url_digest: row for row in rows}

    def find(self, url_digest: str) -> list[Known]:
        where: LiteralString = " WHERE url_digest = decode(%s, 'hex') AND withdrawn_at IS NULL ORDER BY source"
        return self._known(_SELECT + where, url_digest)

    def record(self, rows: Sequence[Known], seen: Sequence[Known | None] = ()) -> dict[int, Known]:
        met: dict[int, Known] = {}

        def record(connection: _Connection) -> None:
            met.clear()
            self._record(connection, rows, seen, met)

        self._write(record)
        return met

    def claim(self, url_digests: Iterable[str]) -> set[str]:
        wanted = [bytes.fromhex(digest) for digest in set(url_digests)]

        def claim(connection: _Connection) -> set[str]:
            # One after the other, so that nobody waits for a row of somebody who waits for his.
            self._wait_for_turn(connection, "claiming")
            self._ask(connection, _PROLONG, CLAIMED, self._me, CLAIMED / 2)
            return {digest for (digest,) in self._ask(connection, _CLAIM, self._me, CLAIMED, wanted)}

        return self._run(claim)

    def release(self, url_digests: Iterable[str]) -> None:
        given = [bytes.fromhex(digest) for digest in url_digests]

        def release(connection: _Connection) -> None:
            self._wait_for_turn(connection, "claiming")
            self._ask(connection, "DELETE FROM {claim} WHERE url_digest = ANY(%s) AND owner = %s", given, self._me)

        self._run(release)

    def current(self, source: str) -> list[Known]:
        where: LiteralString = " WHERE source = %s AND withdrawn_at IS NULL ORDER BY url, url_digest"
        return self._known(_SELECT + where, source)

    def objects(self, source: str) -> list[tuple[str, str, str, str]]:
        question: LiteralString = """SELECT digest, path, changed_at, manifest FROM {known}
            WHERE source = %s AND withdrawn_at IS NULL"""
        return self._run(lambda connection: self._ask(connection, question, source))

    def count(self, source: str) -> int:
        question: LiteralString = """SELECT (SELECT count(*) FROM {known} WHERE source = %s)
            - (SELECT count(*) FROM {known} WHERE source = %s AND withdrawn_at IS NOT NULL)"""
        [(found,)] = self._run(lambda connection: self._ask(connection, question, source, source))
        return int(found)

    def unlisted(self, source: str, url_digests: Set[str], most: int) -> list[str]:
        listed = list(map(bytes.fromhex, url_digests))
        question: LiteralString = """SELECT url FROM {known}
            WHERE source = %s AND withdrawn_at IS NULL AND NOT (url_digest = ANY(%s)) LIMIT %s"""
        return [url for (url,) in self._run(lambda connection: self._ask(connection, question, source, listed, most))]

    def versions(self, source: str, url_digest: str) -> list[Version]:
        found = self._run(
            lambda connection: self._ask(
                connection,
                """SELECT seen_at, digest, manifest FROM (
                    SELECT place, seen_at, digest, manifest FROM {history}
                    WHERE url_digest = decode(%s, 'hex') AND source = %s
                    UNION ALL SELECT NULL, changed_at, digest, manifest FROM {known}
                    WHERE url_digest = decode(%s, 'hex') AND source = %s AND withdrawn_at IS NULL
                ) AS every ORDER BY place NULLS LAST""",
                url_digest,
                source,
                url_digest,
                source,
            )
        )
        return list(map(Version._make, found))

    def sources(self) -> list[str]:
        # Hops from source to source; DISTINCT would walk over every row.
        found = self._run(
            lambda connection: self._ask(
                connection,
                """WITH RECURSIVE one (name) AS (
                    SELECT min(source) FROM {known}
                    UNION ALL SELECT (SELECT min(source) FROM {known} WHERE source > name) FROM one
                    WHERE name IS NOT NULL
                ) SELECT name FROM one WHERE name IS NOT NULL""",
            )
        )
        return [str(name) for (name,) in found]

    def miss(self, run: Run, missed: Sequence[Missed]) -> list[Standing]:
        now = time_of(self)
        digests = [bytes.fromhex(one.url_digest) for one in missed]

        def miss(connection: _Connection) -> list[Standing]:
            states = self._states(connection, digests)
            found = self._ask(
                connection,
                """SELECT source, encode(url_digest, 'hex'), run, began_at, noted_at FROM {missing}
                WHERE url_digest = ANY(%s)""",
                digests,
            )
            notes = {(source, url_digest): Note(*note) for source, url_digest, *note in found}
            result: list[Standing] = []
            for one in missed:
                checked_at, withdrawn_at, _ = states.get(one, (None, None, None))
                stands, note = standing(checked_at, withdrawn_at, notes.get(one), run, noted_at=now)
                if note is not None and note != notes.get(one):
                    self._ask(
                        connection,
                        """INSERT INTO {missing} VALUES (%s, decode(%s, 'hex'), %s, %s, %s)
                        ON CONFLICT (url_digest, source) DO UPDATE SET
                            run = excluded.run, began_at = excluded.began_at, noted_at = excluded.noted_at""",
                        *one,
                        *note,
                    )
                result.append(stands)
            return result

        result: list[Standing] = []

        def durably(connection: _Connection) -> None:
            result[:] = miss(connection)

        self._write(durably)
        return result

    def forget_misses(self, source: str, url_digests: Iterable[str] | None = None) -> None:
        if url_digests is None:
            self._write(lambda connection: self._ask(connection, "DELETE FROM {missing} WHERE source = %s", source))
            return
        digests = [bytes.fromhex(digest) for digest in url_digests]
        question: LiteralString = "DELETE FROM {missing} WHERE url_digest = ANY(%s) AND source = %s"
        self._write(lambda connection: self._ask(connection, question, digests, source))

    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> list[bool]:
        result: list[bool] = []

        def withdraw(connection: _Connection) -> None:
            result[:] = self._withdraw(connection, withdrawals)

        self._write(withdraw)
        return result

    def unwritten(self) -> list[Withdrawal]:
        found = self._run(
            lambda connection: self._ask(
                connection,
                """SELECT source, encode(url_digest, 'hex'), url, withdrawn_at, unwritten FROM {known}
                WHERE unwritten IS NOT NULL""",
            )
        )
        return sorted(map(Withdrawal._make, found))

    def written(self, withdrawals: Sequence[Withdrawal]) -> None:
        def write(connection: _Connection) -> None:
            states = self._states(connection, [bytes.fromhex(one.url_digest) for one in withdrawals])
            for one in withdrawals:
                _, withdrawn_at, unwritten = states.get((one.source, one.url_digest), (None, None, None))
                if unwritten is not None and withdrawn_at is not None and withdrawn_at <= one.withdrawn_at:
                    self._ask(
                        connection,
                        """UPDATE {known} SET unwritten = NULL
                        WHERE url_digest = decode(%s, 'hex') AND source = %s""",
                        one.url_digest,
                        one.source,
                    )

        self._write(write)

    def withdrawn(self, source: str) -> list[tuple[Known, str]]:
        question: LiteralString = (
            _SELECT.replace(" FROM", ", withdrawn_at FROM")
            + " WHERE source = %s AND withdrawn_at IS NOT NULL ORDER BY url, url_digest"
        )
        found = self._run(lambda connection: self._ask(connection, question, source))
        return [(Known(*columns), withdrawn_at) for *columns, withdrawn_at in found]

    def clock(self) -> float:
        if elapsed() >= self._clock_until:
            self._run(self._read_clock)
        return self._ahead

    def watermark(self, source: str) -> str | None:
        found = self._run(
            lambda connection: self._ask(connection, "SELECT value FROM {watermark} WHERE source = %s", source)
        )
        return str(found[0][0]) if found else None

    def move_watermark(self, source: str, value: str) -> None:
        self._write(
            lambda connection: self._ask(
                connection,
                """INSERT INTO {watermark} VALUES (%s, %s, now())
                ON CONFLICT (source) DO UPDATE SET value = excluded.value, moved_at = excluded.moved_at""",
                source,
                value,
            )
        )

    def begin_runs(self, scope: Scope, names: Sequence[str], run: str) -> None:
        now = time_of(self)
        self._write(
            lambda connection: self._ask(
                connection,
                # In the order of their names, the same for all: two writers cannot wait for each other.
                """INSERT INTO {last_run} SELECT %s, name, %s, %s, NULL, 0, '[]'
                FROM unnest(%s::text[]) AS given (name) ORDER BY name
                ON CONFLICT (scope, name)
                DO UPDATE SET run = excluded.run, began_at = excluded.began_at, ended_at = NULL""",
                scope.value, run, now, list(dict.fromkeys(names)),
            )
        )  # fmt: skip

    def end_runs(self, scope: Scope, failures: Mapping[str, Sequence[Failure]], run: str) -> None:
        now = time_of(self)
        rows = rows_of(failures)
        self._write(
            lambda connection: self._ask(
                connection,
                """INSERT INTO {last_run} AS noted SELECT %s, name, %s, %s, %s, failed, failures
                FROM unnest(%s::text[], %s::bigint[], %s::text[]) AS given (name, failed, failures) ORDER BY name
                ON CONFLICT (scope, name) DO UPDATE SET ended_at = excluded.ended_at,
                failed = excluded.failed, failures = excluded.failures WHERE noted.run = excluded.run""",
                scope.value, run, now, now, *([row[place] for row in rows] for place in range(3)),
            )
        )  # fmt: skip

    def last_runs(self, scope: Scope) -> dict[str, LastRun]:
        question: LiteralString = (
            "SELECT name, run, began_at, ended_at, failed, failures FROM {last_run} WHERE scope = %s"
        )
        found = self._run(lambda connection: self._ask(connection, question, scope.value))
        return {name: LastRun.parse(name, *rest) for name, *rest in found}

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._drop()

    def _make(self, connection: _Connection) -> None:
        self._wait_for_turn(connection, "making")
        [(present,)] = self._ask(connection, "SELECT to_regclass(%s)", f'"{self._schema}".state')
        if present is None:
            [(schema,)] = self._ask(connection, "SELECT to_regnamespace(%s)", f'"{self._schema}"')
            if schema is None:
                connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self._schema)))
            for statement in (*_SCHEMA, *_WITHDRAWALS, _LAST_RUN):
                self._ask(connection, statement)
            self._ask(connection, "INSERT INTO {state} VALUES (%s, false)", VERSION)
            return
        [(version,)] = self._ask(connection, "SELECT version FROM {state}")
        if version == _BEFORE_WITHDRAWALS:
            for statement in _WITHDRAWALS:
                self._ask(connection, statement)
            self._ask(connection, "UPDATE {state} SET version = %s", VERSION)
        elif version != VERSION:
            raise StoreError(
                self._name,
                f"expected an index of version {VERSION} in schema {self._schema}, found {version}; "
                "use the release that wrote it, or name another schema",
            )
        # Asked before: `IF NOT EXISTS` needs the right to create also where the table is there.
        [(last_run,)] = self._ask(connection, "SELECT to_regclass(%s)", f'"{self._schema}".last_run')
        if last_run is None:
            self._ask(connection, _LAST_RUN)

    def _wait_for_turn(self, connection: _Connection, what: str) -> None:
        """Until the end of the transaction, others who come here wait."""
        self._ask(
            connection, "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", f"airnub index {self._schema} {what}"
        )

    def _read_clock(self, connection: _Connection) -> None:
        before = elapsed()
        [(time,)] = self._ask(connection, "SELECT extract(epoch FROM clock_timestamp())::float8")
        after = elapsed()
        self._ahead = time - (before + after) / 2
        self._clock_until = after + _CLOCK_FOR

    def _record(
        self, connection: _Connection, rows: Sequence[Known], seen: Sequence[Known | None], met: dict[int, Known]
    ) -> None:
        # One statement may meet a row once only.
        for part in in_rounds(rows):
            for start in range(0, len(part), _ROWS_AT_ONCE):
                places = part[start : start + _ROWS_AT_ONCE]
                answers = [(rows[at], seen[at] if seen else None) for at in places]
                if not self._compare_and_set(connection, answers):
                    self._merge(connection, places, answers, met)

    def _compare_and_set(self, connection: _Connection, answers: Sequence[tuple[Known, Known | None]]) -> bool:
        """Write the rows that are new, or still those that were looked up, and lock the others; whether all is done."""
        given = [row if seen is None else row._replace(changed_at=seen.checked_at) for row, seen in answers]
        [(written, back)] = self._ask(connection, _COMPARE_AND_SET, *map(list, zip(*given, strict=True)))
        return written == len(given) and not back

    def _merge(
        self,
        connection: _Connection,
        places: Sequence[int],
        answers: Sequence[tuple[Known, Known | None]],
        met: dict[int, Known],
    ) -> None:
        """Record those of answers that have met other states than were looked up; all are locked."""
        question = _SELECT + " WHERE url_digest = ANY(%s)"
        keys = [bytes.fromhex(row.url_digest) for row, _ in answers]
        found = map(Known._make, self._ask(connection, question, keys))
        there = {(present.source, present.url_digest): present for present in found}
        states = self._states(connection, keys)
        later: list[tuple[Known, Known | None]] = []
        earlier: list[tuple[Known, Known | None]] = []
        begun: list[Known] = []
        for place, (row, seen) in zip(places, answers, strict=True):
            present = there[row.source, row.url_digest]
            _, withdrawn_at, unwritten = states[row.source, row.url_digest]
            if withdrawn_at is not None:
                if unwritten is None and is_back(row, withdrawn_at):
                    self._ask(connection, _BACK, *row[2:], row.url_digest, row.source)
                else:
                    earlier.append((row, None))
                continue
            if is_recorded(present, row):
                if seen is not None and present.changed_at == seen.checked_at:
                    begun.append(row)
                continue
            met[place] = present
            if is_later(present, row):
                later.append((following(present, row), present))
            else:
                earlier.append((row, present))
        if later:
            self._compare_and_set(connection, later)
        if earlier:
            begun += self._enter(connection, earlier)
        if begun:
            columns = zip(*((row.source, row.url_digest, row.changed_at) for row in begun), strict=True)
            self._ask(connection, _CHANGED_AT, *map(list, columns))

    def _enter(self, connection: _Connection, answers: Sequence[tuple[Known, Known | None]]) -> list[Known]:
        """Enter answers into the history before the present states, `None` of a URL that is withdrawn; those of these
        that begin later now.
        """
        found = self._ask(
            connection,
            """SELECT source, encode(url_digest, 'hex'), place, seen_at, digest, manifest FROM {history}
            WHERE url_digest = ANY(%s) ORDER BY place""",
            [bytes.fromhex(row.url_digest) for row, _ in answers],
        )
        histories: dict[tuple[str, str], list[tuple[int, Version]]] = {}
        for source, url_digest, place, *version in found:
            histories.setdefault((source, url_digest), []).append((place, Version(*version)))
        begun: list[Known] = []
        gone: list[int] = []
        new: list[tuple[str, str, str, str, str]] = []
        for row, present in answers:
            history = histories.get((row.source, row.url_digest), [])
            versions = [version for _, version in history]
            after = Entered(row, *entered_before(row, versions)) if present is None else entered(present, row, versions)
            gone += [place for place, _ in history[after.kept :]]
            new += [(row.source, row.url_digest, *version) for version in after.tail]
            if present is not None and after.present != present:
                begun.append(after.present)
        if gone:
            self._ask(connection, "DELETE FROM {history} WHERE place = ANY(%s)", gone)
        if new:
            self._ask(connection, _ENTER, *map(list, zip(*new, strict=True)))
        return begun

    def _states(
        self, connection: _Connection, url_digests: Sequence[bytes]
    ) -> dict[tuple[str, str], tuple[str, str | None, str | None]]:
        """When URLs were last checked and withdrawn, and why where the store does not know; their rows are locked."""
        found = self._ask(connection, _STATES, list(url_digests))
        return {(source, url_digest): (one, two, three) for source, url_digest, one, two, three in found}

    def _withdraw(self, connection: _Connection, withdrawals: Sequence[Withdrawal]) -> list[bool]:
        states = self._states(connection, [bytes.fromhex(one.url_digest) for one in withdrawals])
        result: list[bool] = []
        for one in withdrawals:
            key = (one.source, one.url_digest)
            checked_at, withdrawn_at, _ = states.get(key, (None, None, None))
            if checked_at is None or (withdrawn_at is None and checked_at > one.withdrawn_at):
                result.append(False)
                continue
            result.append(True)
            if withdrawn_at is not None and withdrawn_at >= one.withdrawn_at:
                continue
            if withdrawn_at is None:
                self._ask(
                    connection,
                    """INSERT INTO {history} (source, url_digest, seen_at, digest, manifest)
                    SELECT source, url_digest, changed_at, digest, manifest FROM {known}
                    WHERE source = %s AND url_digest = decode(%s, 'hex')""",
                    *key,
                )
            self._ask(
                connection,
                """UPDATE {known} SET withdrawn_at = %s, unwritten = %s
                WHERE source = %s AND url_digest = decode(%s, 'hex')""",
                one.withdrawn_at,
                one.reason,
                *key,
            )
            self._ask(connection, "DELETE FROM {missing} WHERE source = %s AND url_digest = decode(%s, 'hex')", *key)
            states[key] = (checked_at, one.withdrawn_at, one.reason)
        return result

    def _known(self, question: LiteralString, *values: object) -> list[Known]:
        return list(map(Known._make, self._run(lambda connection: self._ask(connection, question, *values))))

    def _ask(self, connection: _Connection, question: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        cursor = connection.execute(sql.SQL(question).format(**self._names), values or None)
        return cursor.fetchall() if cursor.description else []

    def _write(self, work: Callable[[_Connection], object]) -> None:
        def durably(connection: _Connection) -> None:
            # A database may be told to answer before its log is on the disk; what is reported as stored may not wait.
            self._ask(
                connection,
                """SELECT set_config('synchronous_commit', 'on', true)
                WHERE current_setting('synchronous_commit') = 'off'""",
            )
            work(connection)

        self._run(durably)

    def _run(self, work: Callable[[_Connection], T]) -> T:
        """One transaction. Each may be done twice: what it writes is the same the second time."""
        with self._lock, self._told():
            try:
                return self._once(work)
            except psycopg.OperationalError:
                if self._connection is None or not self._connection.broken:
                    raise
                self._drop()
            return self._once(work)

    def _once(self, work: Callable[[_Connection], T]) -> T:
        if self._closed:
            raise StoreError(self._name, "the index is closed")
        if self._connection is None:
            self._connection = self._connect()
        with self._connection.transaction():
            return work(self._connection)

    def _connect(self) -> _Connection:
        # Prepared statements belong to a session, which is not ours alone behind a pool.
        return psycopg.connect(self._conninfo, autocommit=True, prepare_threshold=None)

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """PostgreSQL's errors as those of the store."""
        try:
            yield
        except psycopg.Error as error:
            words = redact_text(" ".join(str(error).split()))
            if isinstance(error, psycopg.OperationalError) and (self._connection is None or self._connection.broken):
                reason = (
                    f"expected a PostgreSQL server that lets us in, found: {words}; "
                    "see that it runs, and that host, port, user, password and database are right"
                )
            else:
                reason = f"the index cannot be used ({words})"
            raise StoreError(self._name, reason) from error


def _parsed(url: str) -> tuple[str, str, str]:
    """A name without credentials, what libpq is told, and the schema."""
    try:
        parts = urlsplit(url)
        asked = parse_qsl(parts.query, keep_blank_values=True)
        # libpq takes `+` for itself, not for a space.
        others = urlencode([pair for pair in asked if pair[0] != "schema"]).replace("+", "%20")
        given = conninfo_to_dict(urlunsplit(parts._replace(query=others)))
    except (ValueError, psycopg.Error):
        raise _malformed() from None
    host, port, database = (
        str(given.get(key) or default) for key, default in (("host", "localhost"), ("port", "5432"), ("dbname", ""))
    )
    if "@" in database or not port.replace(",", "0").isdecimal():
        raise _malformed()
    socket = host.startswith("/")
    name = f"postgresql:///{database}?host={host}" if socket else f"postgresql://{host}:{port}/{database}"
    schema = dict(asked).get("schema", DEFAULT_SCHEMA)
    if not schema or '"' in schema:
        raise StoreError(name, f"expected the name of a schema, found {schema!r}")
    return name, make_conninfo("", **(_LIMITS | {"application_name": "airnub"} | given | _ENCODING)), schema


def _malformed() -> StoreError:
    # Where a character of the password was taken for another part of the URL, nobody's words may quote any of it.
    return StoreError(
        "postgresql://***",
        "expected postgresql://user:password@host:port/database, found another form; "
        "write the characters @ : / ? # % in a password as %40 %3A %2F %3F %23 %25",
    )

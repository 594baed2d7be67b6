"""The index in PostgreSQL, for the workers of several machines that share one store.

One store, one schema. The tables are in the schema `airnub`; the index of a second store in the same database needs a
schema of its own, named in the URL: `postgresql://user:password@host/database?schema=project_beta`. A schema that is
missing is created. Everything else in the URL is libpq's.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from typing import LiteralString
from uuid import uuid4

from airnub_core.store.clock import elapsed, time_of
from airnub_core.store.index.last_run import Failure, LastRun, Scope, rows_of
from airnub_core.store.index.postgres_connection import Tables, Transactions
from airnub_core.store.index.postgres_record import SELECT, record, states_of, withdraw
from airnub_core.store.index.postgres_schema import make_tables
from airnub_core.store.index.protocol import LEASE_SECONDS
from airnub_core.store.index.rows import IndexRow, Missed, MissNote, Run, Standing, Version, oldest_first, standing
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import Withdrawal

_CLAIM: LiteralString = """INSERT INTO {claim} AS present
    SELECT url_digest, %s, clock_timestamp() + make_interval(secs => %s) FROM unnest(%s::bytea[]) AS given (url_digest)
    ON CONFLICT (url_digest) DO UPDATE SET owner = excluded.owner, until = excluded.until
        WHERE present.owner = excluded.owner OR present.until < clock_timestamp()
    RETURNING encode(url_digest, 'hex')"""
_PROLONG: LiteralString = """UPDATE {claim} SET until = clock_timestamp() + make_interval(secs => %s)
    WHERE owner = %s AND until < clock_timestamp() + make_interval(secs => %s)"""
_CLOCK_FOR = 60.0
"""Seconds until the server is asked for its time again."""


class PostgresIndex:
    """An `Index` in one schema of a database. A connection that broke between two calls is opened anew once."""

    shared = True

    def __init__(self, url: str) -> None:
        """Connect, and create the tables when they are missing.

        Raises:
            StoreError: no server answers, it does not let us in, or the schema holds something else.
        """
        self._transactions = Transactions(url)
        self._me = uuid4().hex
        self._ahead = 0.0
        """What to add to `elapsed` for the server's time."""
        self._clock_until = 0.0
        try:
            self._transactions.run(lambda tables: make_tables(tables, self._transactions.name))
        except BaseException:
            self.close()
            raise

    @property
    def is_built(self) -> bool:
        return self._transactions.run(lambda tables: tables.ask("SELECT built FROM {state}") == [(True,)])

    def alone(self) -> AbstractContextManager[None]:
        """Nothing else builds this index while the block runs, on any machine.

        Raises:
            StoreError: the server cannot be asked.
        """
        return self._transactions.alone("building")

    def rebuild(self, manifests: Mapping[str, Manifest], withdrawals: Sequence[Withdrawal] = ()) -> None:
        versions = oldest_first(manifests)

        def build(tables: Tables) -> None:
            tables.ask("TRUNCATE {known}, {history}, {missing}")
            record(tables, versions, (), {})
            withdraw(tables, withdrawals)
            tables.ask("UPDATE {known} SET unwritten = NULL WHERE unwritten IS NOT NULL")
            tables.ask("UPDATE {state} SET built = true")

        self._transactions.write(build)

    def lookup(self, source: str, url_digests: Iterable[str]) -> dict[str, IndexRow]:
        wanted = [bytes.fromhex(digest) for digest in url_digests]
        where: LiteralString = " WHERE url_digest = ANY(%s) AND source = %s AND withdrawn_at IS NULL"
        rows = self._known(SELECT + where, wanted, source)
        return {row.url_digest: row for row in rows}

    def find(self, url_digest: str) -> list[IndexRow]:
        where: LiteralString = " WHERE url_digest = decode(%s, 'hex') AND withdrawn_at IS NULL ORDER BY source"
        return self._known(SELECT + where, url_digest)

    def record(self, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None] = ()) -> dict[int, IndexRow]:
        met: dict[int, IndexRow] = {}

        def write(tables: Tables) -> None:
            met.clear()
            record(tables, rows, seen, met)

        self._transactions.write(write)
        return met

    def claim(self, url_digests: Iterable[str]) -> set[str]:
        wanted = [bytes.fromhex(digest) for digest in set(url_digests)]

        def claim(tables: Tables) -> set[str]:
            # One after the other: two that lock rows in different orders would wait for each other.
            tables.wait_for_turn("claiming")
            tables.ask(_PROLONG, LEASE_SECONDS, self._me, LEASE_SECONDS / 2)
            return {digest for (digest,) in tables.ask(_CLAIM, self._me, LEASE_SECONDS, wanted)}

        return self._transactions.run(claim)

    def release(self, url_digests: Iterable[str]) -> None:
        given = [bytes.fromhex(digest) for digest in url_digests]

        def release(tables: Tables) -> None:
            tables.wait_for_turn("claiming")
            tables.ask("DELETE FROM {claim} WHERE url_digest = ANY(%s) AND owner = %s", given, self._me)

        self._transactions.run(release)

    def current(self, source: str) -> list[IndexRow]:
        where: LiteralString = " WHERE source = %s AND withdrawn_at IS NULL ORDER BY url, url_digest"
        return self._known(SELECT + where, source)

    def objects(self, source: str) -> list[tuple[str, str, str, str]]:
        question: LiteralString = """SELECT digest, path, changed_at, manifest FROM {known}
            WHERE source = %s AND withdrawn_at IS NULL"""
        return self._transactions.run(lambda tables: tables.ask(question, source))

    def count(self, source: str) -> int:
        question: LiteralString = """SELECT (SELECT count(*) FROM {known} WHERE source = %s)
            - (SELECT count(*) FROM {known} WHERE source = %s AND withdrawn_at IS NOT NULL)"""
        [(found,)] = self._transactions.run(lambda tables: tables.ask(question, source, source))
        return int(found)

    def unlisted(self, source: str, url_digests: Set[str], most: int) -> list[str]:
        listed = list(map(bytes.fromhex, url_digests))
        question: LiteralString = """SELECT url FROM {known}
            WHERE source = %s AND withdrawn_at IS NULL AND NOT (url_digest = ANY(%s)) LIMIT %s"""
        return [url for (url,) in self._transactions.run(lambda tables: tables.ask(question, source, listed, most))]

    def versions(self, source: str, url_digest: str) -> list[Version]:
        found = self._transactions.run(
            lambda tables: tables.ask(
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
        found = self._transactions.run(
            lambda tables: tables.ask(
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

        def miss(tables: Tables) -> list[Standing]:
            states = states_of(tables, digests)
            found = tables.ask(
                """SELECT source, encode(url_digest, 'hex'), run, began_at, noted_at FROM {missing}
                WHERE url_digest = ANY(%s)""",
                digests,
            )
            notes = {(source, url_digest): MissNote(*note) for source, url_digest, *note in found}
            result: list[Standing] = []
            for one in missed:
                checked_at, withdrawn_at, _ = states.get(one, (None, None, None))
                stands, note = standing(checked_at, withdrawn_at, notes.get(one), run, noted_at=now)
                if note is not None and note != notes.get(one):
                    tables.ask(
                        """INSERT INTO {missing} VALUES (%s, decode(%s, 'hex'), %s, %s, %s)
                        ON CONFLICT (url_digest, source) DO UPDATE SET
                            run = excluded.run, began_at = excluded.began_at, noted_at = excluded.noted_at""",
                        *one,
                        *note,
                    )
                result.append(stands)
            return result

        return self._transactions.write(miss)

    def forget_misses(self, source: str, url_digests: Iterable[str] | None = None) -> None:
        if url_digests is None:
            self._transactions.write(lambda tables: tables.ask("DELETE FROM {missing} WHERE source = %s", source))
            return
        digests = [bytes.fromhex(digest) for digest in url_digests]
        question: LiteralString = "DELETE FROM {missing} WHERE url_digest = ANY(%s) AND source = %s"
        self._transactions.write(lambda tables: tables.ask(question, digests, source))

    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> list[bool]:
        return self._transactions.write(lambda tables: withdraw(tables, withdrawals))

    def unwritten(self) -> list[Withdrawal]:
        found = self._transactions.run(
            lambda tables: tables.ask(
                """SELECT source, encode(url_digest, 'hex'), url, withdrawn_at, unwritten FROM {known}
                WHERE unwritten IS NOT NULL""",
            )
        )
        return sorted(map(Withdrawal._make, found))

    def written(self, withdrawals: Sequence[Withdrawal]) -> None:
        def write(tables: Tables) -> None:
            states = states_of(tables, [bytes.fromhex(one.url_digest) for one in withdrawals])
            for one in withdrawals:
                _, withdrawn_at, unwritten = states.get((one.source, one.url_digest), (None, None, None))
                if unwritten is not None and withdrawn_at is not None and withdrawn_at <= one.withdrawn_at:
                    tables.ask(
                        """UPDATE {known} SET unwritten = NULL
                        WHERE url_digest = decode(%s, 'hex') AND source = %s""",
                        one.url_digest,
                        one.source,
                    )

        self._transactions.write(write)

    def withdrawn(self, source: str) -> list[tuple[IndexRow, str]]:
        question: LiteralString = (
            SELECT.replace(" FROM", ", withdrawn_at FROM")
            + " WHERE source = %s AND withdrawn_at IS NOT NULL ORDER BY url, url_digest"
        )
        found = self._transactions.run(lambda tables: tables.ask(question, source))
        return [(IndexRow(*columns), withdrawn_at) for *columns, withdrawn_at in found]

    def clock(self) -> float:
        if elapsed() >= self._clock_until:
            self._transactions.run(self._read_clock)
        return self._ahead

    def watermark(self, source: str) -> str | None:
        found = self._transactions.run(
            lambda tables: tables.ask("SELECT value FROM {watermark} WHERE source = %s", source)
        )
        return str(found[0][0]) if found else None

    def move_watermark(self, source: str, value: str) -> None:
        self._transactions.write(
            lambda tables: tables.ask(
                """INSERT INTO {watermark} VALUES (%s, %s, now())
                ON CONFLICT (source) DO UPDATE SET value = excluded.value, moved_at = excluded.moved_at""",
                source,
                value,
            )
        )

    def begin_runs(self, scope: Scope, names: Sequence[str], run: str) -> None:
        now = time_of(self)
        self._transactions.write(
            # In the order of their names, the same for all: two writers cannot wait for each other.
            lambda tables: tables.ask(
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
        self._transactions.write(
            lambda tables: tables.ask("""INSERT INTO {last_run} AS noted SELECT %s, name, %s, %s, %s, failed, failures
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
        found = self._transactions.run(lambda tables: tables.ask(question, scope.value))
        return {name: LastRun.parse(name, *rest) for name, *rest in found}

    def close(self) -> None:
        self._transactions.close()

    def _read_clock(self, tables: Tables) -> None:
        before = elapsed()
        [(time,)] = tables.ask("SELECT extract(epoch FROM clock_timestamp())::float8")
        after = elapsed()
        self._ahead = time - (before + after) / 2
        self._clock_until = after + _CLOCK_FOR

    def _known(self, question: LiteralString, *values: object) -> list[IndexRow]:
        return list(map(IndexRow._make, self._transactions.run(lambda tables: tables.ask(question, *values))))

"""SQL index: the code that both indexes share, in SQL that SQLite and PostgreSQL understand.

In a statement `%s` is a value, `{known}` and other names are tables, and each database substitutes these placeholders:

    {url_digest}   the digest of a URL as 64 hexadecimal digits, in a SELECT
    {key}          a condition for the row of a URL, with the values of a `Key`
    {key_columns}  the key columns
    {key_values}   as many `%s` as there are key columns
    {missed_source}  the source of a row of `missing`
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, LiteralString, NamedTuple, Protocol, TypeVar

from airnub_core.store.clock import time_of
from airnub_core.store.index.merge import record, standing, withdraw
from airnub_core.store.index.rows import (
    Failure,
    IndexRow,
    LastRun,
    Missed,
    MissNote,
    Run,
    Scope,
    Standing,
    Version,
    oldest_first,
    rows_of,
)
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import Withdrawal

SELECT: LiteralString = """SELECT source, {url_digest}, url, digest, path, size, manifest, etag, last_modified,
    checked_at, changed_at FROM {known}"""
_NOTE_MISS: LiteralString = """INSERT INTO {missing} ({key_columns}, run, began_at, noted_at)
    VALUES ({key_values}, %s, %s, %s) ON CONFLICT ({key_columns})
    DO UPDATE SET run = excluded.run, began_at = excluded.began_at, noted_at = excluded.noted_at"""

Key = tuple[Any, ...]
"""The values of `{key}`."""
UrlOfSource = tuple[str, str]
"""Source and URL digest."""
T = TypeVar("T")


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
        ...

    def ask_each(self, statement: LiteralString, rows: Iterable[Sequence[object]]) -> None:
        """Execute a statement once per row of values."""
        ...

    def begin_anew(self) -> None:
        """Delete all URLs, with their history and miss notes."""
        ...

    def mark_built(self) -> None:
        """Record that the index is built."""
        ...

    def rows(self, url_digests: Set[str], *, withdrawn: bool = False) -> Iterable[IndexRow]:
        """Read the current rows of URLs in all sources; with `withdrawn`, the last rows of withdrawn URLs too."""
        ...

    def states(self, url_digests: Set[str], *, lock: bool = True) -> dict[UrlOfSource, State]:
        """Read the states of URLs in all sources; in a shared index, `lock` locks their rows until the end."""
        ...

    def histories(self, keys: Sequence[Key]) -> Iterable[tuple[Key, int, Version]]:
        """Read the past versions of URLs, oldest first, each with its key and its primary key in the history."""
        ...

    def compare_and_set(
        self, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None], places: Sequence[int]
    ) -> Sequence[int]:
        """Upsert the rows at some positions whose URLs are new, or have not changed since they were looked up.

        Args:
            rows: all rows.
            seen: per row, the result of the lookup.
            places: the positions in `rows` to write.

        Returns:
            The positions that may not be written, or all of them; their existing rows are locked.
        """
        ...


class Transactions(Protocol):
    """Transactions over one connection; thread-safe. A transaction may run twice, so it must be idempotent."""

    def run(self, work: Callable[[Any], T]) -> T:
        """Run a reading transaction."""
        ...

    def write(self, work: Callable[[Any], T]) -> T:
        """Run a writing transaction; it is durable when this returns."""
        ...

    def close(self) -> None:
        """Close the connection; later transactions raise StoreError."""
        ...


class SqlIndex(ABC):
    """The part of an `Index` that does not depend on the database."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    @abstractmethod
    def clock(self) -> float:
        """Implement `Index.clock`."""

    def rebuild(self, manifests: Mapping[str, Manifest], withdrawals: Sequence[Withdrawal] = ()) -> None:
        versions = oldest_first(manifests)

        def build(tables: Tables) -> None:
            tables.begin_anew()
            record(tables, versions)
            withdraw(tables, withdrawals)
            tables.ask("UPDATE {known} SET unwritten = NULL WHERE unwritten IS NOT NULL")
            tables.mark_built()

        self._transactions.write(build)

    def lookup(self, source: str, url_digests: Iterable[str]) -> dict[str, IndexRow]:
        wanted = set(url_digests)

        def read(tables: Tables) -> dict[str, IndexRow]:
            return {row.url_digest: row for row in tables.rows(wanted) if row.source == source}

        return self._transactions.run(read)

    def find(self, url_digest: str) -> list[IndexRow]:
        return self._transactions.run(lambda tables: sorted(tables.rows({url_digest})))

    def record(self, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None] = ()) -> dict[int, IndexRow]:
        return self._transactions.write(lambda tables: record(tables, rows, seen))

    def current(self, source: str) -> list[IndexRow]:
        where: LiteralString = " WHERE source = %s AND withdrawn_at IS NULL ORDER BY url, url_digest"
        return list(map(IndexRow._make, self._ask(SELECT + where, source)))

    def objects(self, source: str) -> list[tuple[str, str, str, str]]:
        return self._ask(
            "SELECT digest, path, changed_at, manifest FROM {known} WHERE source = %s AND withdrawn_at IS NULL", source
        )

    def count(self, source: str) -> int:
        # Both subqueries count entries of an SQL index; `withdrawn_at IS NULL` would read every row.
        question: LiteralString = """SELECT (SELECT count(*) FROM {known} WHERE source = %s)
            - (SELECT count(*) FROM {known} WHERE source = %s AND withdrawn_at IS NOT NULL)"""
        [(found,)] = self._ask(question, source, source)
        return int(found)

    def versions(self, source: str, url_digest: str) -> list[Version]:
        question: LiteralString = """SELECT seen_at, digest, manifest FROM (
                SELECT place, seen_at, digest, manifest FROM {history} WHERE {key}
                UNION ALL SELECT NULL, changed_at, digest, manifest FROM {known} WHERE {key} AND withdrawn_at IS NULL
            ) AS every ORDER BY place NULLS LAST"""

        def read(tables: Tables) -> list[Version]:
            there = tables.states({url_digest}, lock=False).get((source, url_digest))
            return [] if there is None else list(map(Version._make, tables.ask(question, *there.key, *there.key)))

        return self._transactions.run(read)

    def sources(self) -> list[str]:
        # A loose index scan, from source to source; DISTINCT would scan every row.
        question: LiteralString = """WITH RECURSIVE one (name) AS (
                SELECT min(source) FROM {known}
                UNION ALL SELECT (SELECT min(source) FROM {known} WHERE source > name) FROM one WHERE name IS NOT NULL
            ) SELECT name FROM one WHERE name IS NOT NULL"""
        return [str(name) for (name,) in self._ask(question)]

    def miss(self, run: Run, missed: Sequence[Missed]) -> list[Standing]:
        now = time_of(self)

        def note(tables: Tables) -> list[Standing]:
            states = tables.states({one.url_digest for one in missed})
            result: list[Standing] = []
            for one in missed:
                there = states.get(one)
                if there is None:
                    result.append(Standing.UNKNOWN)
                    continue
                stands, new = standing(there.checked_at, there.withdrawn_at, there.note, run, noted_at=now)
                if new is not None and new != there.note:
                    tables.ask(_NOTE_MISS, *there.key, *new)
                result.append(stands)
            return result

        return self._transactions.write(note)

    def forget_misses(self, source: str, url_digests: Iterable[str] | None = None) -> None:
        if url_digests is None:
            self._write("DELETE FROM {missing} WHERE {missed_source} = %s", [(source,)])
            return
        given = set(url_digests)

        def forget(tables: Tables) -> None:
            if tables.ask("SELECT 1 FROM {missing} LIMIT 1"):
                states = tables.states(given, lock=False)
                keys = [there.key for url, there in states.items() if url[0] == source and there.note is not None]
                tables.ask_each("DELETE FROM {missing} WHERE {key}", keys)

        self._transactions.write(forget)

    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> list[bool]:
        return self._transactions.write(lambda tables: withdraw(tables, withdrawals))

    def unwritten(self) -> list[Withdrawal]:
        question: LiteralString = (
            "SELECT source, {url_digest}, url, withdrawn_at, unwritten FROM {known} WHERE unwritten IS NOT NULL"
        )
        return sorted(map(Withdrawal._make, self._ask(question)))

    def written(self, withdrawals: Sequence[Withdrawal]) -> None:
        def write(tables: Tables) -> None:
            states = tables.states({one.url_digest for one in withdrawals})
            keys = [
                (*there.key, one.withdrawn_at)
                for one in withdrawals
                if (there := states.get((one.source, one.url_digest))) is not None
            ]
            tables.ask_each("UPDATE {known} SET unwritten = NULL WHERE {key} AND withdrawn_at <= %s", keys)

        self._transactions.write(write)

    def withdrawn(self, source: str) -> list[tuple[IndexRow, str]]:
        question: LiteralString = (
            SELECT.replace(" FROM", ", withdrawn_at FROM")
            + " WHERE source = %s AND withdrawn_at IS NOT NULL ORDER BY url, url_digest"
        )
        return [(IndexRow(*columns), withdrawn_at) for *columns, withdrawn_at in self._ask(question, source)]

    def watermark(self, source: str) -> str | None:
        found = self._ask("SELECT value FROM {watermark} WHERE source = %s", source)
        return str(found[0][0]) if found else None

    def move_watermark(self, source: str, value: str) -> None:
        self._write(
            """INSERT INTO {watermark} VALUES (%s, %s, %s)
            ON CONFLICT (source) DO UPDATE SET value = excluded.value, moved_at = excluded.moved_at""",
            [(source, value, time_of(self))],
        )

    def begin_runs(self, scope: Scope, names: Sequence[str], run: str) -> None:
        now = time_of(self)
        self._write(
            """INSERT INTO {last_run} VALUES (%s, %s, %s, %s, NULL, 0, '[]') ON CONFLICT (scope, name)
            DO UPDATE SET run = excluded.run, began_at = excluded.began_at, ended_at = NULL""",
            # Sorted by name, so that two writers cannot deadlock.
            [(scope.value, name, run, now) for name in sorted(names)],
        )

    def end_runs(self, scope: Scope, failures: Mapping[str, Sequence[Failure]], run: str) -> None:
        now = time_of(self)
        self._write(
            """INSERT INTO {last_run} AS noted VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (scope, name)
            DO UPDATE SET ended_at = excluded.ended_at, failed = excluded.failed, failures = excluded.failures
            WHERE noted.run = excluded.run""",
            [(scope.value, name, run, now, now, *rest) for name, *rest in sorted(rows_of(failures))],
        )

    def last_runs(self, scope: Scope) -> dict[str, LastRun]:
        found = self._ask(
            "SELECT name, run, began_at, ended_at, failed, failures FROM {last_run} WHERE scope = %s", scope.value
        )
        return {name: LastRun.parse(name, *rest) for name, *rest in found}

    def close(self) -> None:
        self._transactions.close()

    def _ask(self, question: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        return self._transactions.run(lambda tables: tables.ask(question, *values))

    def _write(self, statement: LiteralString, rows: Sequence[Sequence[object]]) -> None:
        self._transactions.write(lambda tables: tables.ask_each(statement, rows))

"""Base of all indexes: the methods of an index, in SQL that SQLite and PostgreSQL understand.

A kind of index is a subclass of `Index` with the abstract methods, its `Transactions` and its `Tables` (`tables`), such
as `sqlite` and `postgres`; `store.factory` opens it, and `tests/store/index/test_base.py` tests every kind.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, ClassVar, LiteralString

from airnub_core.store.clock import time_of
from airnub_core.store.index.merge import record, standing, withdraw
from airnub_core.store.index.tables import (
    SELECT,
    Failure,
    IndexRow,
    LastRun,
    Missed,
    Run,
    Scope,
    Standing,
    Tables,
    Transactions,
    Version,
    oldest_first,
    rows_of,
)
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import Withdrawal

_NOTE_MISS: LiteralString = """INSERT INTO {missing} ({key_columns}, run, began_at, noted_at)
    VALUES ({key_values}, %s, %s, %s) ON CONFLICT ({key_columns})
    DO UPDATE SET run = excluded.run, began_at = excluded.began_at, noted_at = excluded.noted_at"""


class Index(ABC):
    """The index of a store; thread-safe. Each call is one transaction, durable when it returns.

    The key of a URL is its digest. Times are those at which requests were sent, by the clock of the index; `merge` has
    the rule for concurrent responses.

    Raises:
        StoreError: the index cannot be read or written; every method may.
    """

    shared: ClassVar[bool]
    """Whether workers on different machines may use the index concurrently."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    @property
    @abstractmethod
    def is_built(self) -> bool:
        """Whether `rebuild` has ever completed; a new index is empty, even if the store is not."""

    @abstractmethod
    def claim(self, url_digests: Iterable[str]) -> set[str]:
        """Lease URLs, and extend the existing leases of this worker.

        A lease ends with `release`, or `leases.LEASE_SECONDS` after the last call of this method.

        Returns:
            The URLs leased: those not leased by a different worker; all of them if the index is not shared.
        """

    @abstractmethod
    def release(self, url_digests: Iterable[str]) -> None:
        """End leases of this worker; leases of other workers are kept."""

    @abstractmethod
    def unlisted(self, source: str, url_digests: Set[str], most: int) -> list[str]:
        """Return up to `most` current URLs of a source that are not in `url_digests`, redacted and unordered."""

    @abstractmethod
    def clock(self) -> float:
        """Return the offset from `clock.elapsed` to the time of the index, in seconds since 1970; it is cached."""

    def rebuild(self, manifests: Mapping[str, Manifest], withdrawals: Sequence[Withdrawal] = ()) -> None:
        """Replace all URLs by those of the manifests. Watermarks and last runs are kept, miss notes are removed.

        Args:
            manifests: manifests of undamaged objects, by path.
            withdrawals: withdrawn URLs; a manifest fetched after its URL was withdrawn makes the URL current again.
        """
        versions = oldest_first(manifests)

        def build(tables: Tables) -> None:
            tables.begin_anew()
            record(tables, versions)
            withdraw(tables, withdrawals)
            tables.ask("UPDATE {known} SET unwritten = NULL WHERE unwritten IS NOT NULL")
            tables.mark_built()

        self._transactions.write(build)

    def lookup(self, source: str, url_digests: Iterable[str]) -> dict[str, IndexRow]:
        """Return the current rows of URLs of a source, by URL digest, without unknown and withdrawn URLs."""
        wanted = set(url_digests)

        def read(tables: Tables) -> dict[str, IndexRow]:
            return {row.url_digest: row for row in tables.rows(wanted) if row.source == source}

        return self._transactions.run(read)

    def find(self, url_digest: str) -> list[IndexRow]:
        """Return the current rows of a URL in all sources, ordered by source."""
        return self._transactions.run(lambda tables: sorted(tables.rows({url_digest})))

    def record(self, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None] = ()) -> dict[int, IndexRow]:
        """Upsert the rows of responses; an earlier response never overwrites a later one (`merge`).

        Args:
            rows: one row per response. `checked_at` is when the request was sent; `changed_at` is the same, or that of
                the row looked up if the digest has not changed.
            seen: per row, the result of `lookup` before the request; if omitted, no URL was known.

        Returns:
            The rows found instead of those looked up, as they were before, by position in `rows`.
        """
        return self._transactions.write(lambda tables: record(tables, rows, seen))

    def current(self, source: str) -> list[IndexRow]:
        """Return the current rows of a source, ordered by URL and URL digest; without withdrawn URLs."""
        where: LiteralString = " WHERE source = %s AND withdrawn_at IS NULL ORDER BY url, url_digest"
        return list(map(IndexRow._make, self._ask(SELECT + where, source)))

    def objects(self, source: str) -> list[tuple[str, str, str, str]]:
        """Return only `digest`, `path`, `changed_at` and `manifest` of the current rows, unordered.

        This takes a third of the time of `current`.
        """
        return self._ask(
            "SELECT digest, path, changed_at, manifest FROM {known} WHERE source = %s AND withdrawn_at IS NULL", source
        )

    def count(self, source: str) -> int:
        """Return the number of current URLs of a source, without reading their rows."""
        # Both subqueries count entries of an SQL index; `withdrawn_at IS NULL` would read every row.
        question: LiteralString = """SELECT (SELECT count(*) FROM {known} WHERE source = %s)
            - (SELECT count(*) FROM {known} WHERE source = %s AND withdrawn_at IS NOT NULL)"""
        [(found,)] = self._ask(question, source, source)
        return int(found)

    def versions(self, source: str, url_digest: str) -> list[Version]:
        """Return all versions of a URL, oldest first, including the current one; also of a withdrawn URL."""
        question: LiteralString = """SELECT seen_at, digest, manifest FROM (
                SELECT place, seen_at, digest, manifest FROM {history} WHERE {key}
                UNION ALL SELECT NULL, changed_at, digest, manifest FROM {known} WHERE {key} AND withdrawn_at IS NULL
            ) AS every ORDER BY place NULLS LAST"""

        def read(tables: Tables) -> list[Version]:
            there = tables.states({url_digest}, lock=False).get((source, url_digest))
            return [] if there is None else list(map(Version._make, tables.ask(question, *there.key, *there.key)))

        return self._transactions.run(read)

    def sources(self) -> list[str]:
        """Return the sources that have any URL, withdrawn or not, sorted."""
        # A loose index scan, from source to source; DISTINCT would scan every row.
        question: LiteralString = """WITH RECURSIVE one (name) AS (
                SELECT min(source) FROM {known}
                UNION ALL SELECT (SELECT min(source) FROM {known} WHERE source > name) FROM one WHERE name IS NOT NULL
            ) SELECT name FROM one WHERE name IS NOT NULL"""
        return [str(name) for (name,) in self._ask(question)]

    def miss(self, run: Run, missed: Sequence[Missed]) -> list[Standing]:
        """Note that a run did not find URLs, and return their standings, in the order of the URLs.

        A response to a later request voids the note of its URL.
        """
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
        """Delete the miss notes of URLs of a source; `None` deletes those of all its URLs."""
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
        """Withdraw URLs: their current state becomes history, and they have no current state any more.

        Each withdrawal is `unwritten` until `written` confirms that the store has it; the URL cannot become current
        again before that.

        Returns:
            Whether each URL is withdrawn now, in order. An unknown URL is not, nor is one checked after `withdrawn_at`.
        """
        return self._transactions.write(lambda tables: withdraw(tables, withdrawals))

    def unwritten(self) -> list[Withdrawal]:
        """Return the withdrawals that the store may lack, since a process was killed before it called `written`."""
        question: LiteralString = (
            "SELECT source, {url_digest}, url, withdrawn_at, unwritten FROM {known} WHERE unwritten IS NOT NULL"
        )
        return sorted(map(Withdrawal._make, self._ask(question)))

    def written(self, withdrawals: Sequence[Withdrawal]) -> None:
        """Record that the store has these withdrawals."""

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
        """Return the last row and the time of withdrawal of each withdrawn URL of a source, ordered as `current`."""
        question: LiteralString = (
            SELECT.replace(" FROM", ", withdrawn_at FROM")
            + " WHERE source = %s AND withdrawn_at IS NOT NULL ORDER BY url, url_digest"
        )
        return [(IndexRow(*columns), withdrawn_at) for *columns, withdrawn_at in self._ask(question, source)]

    def watermark(self, source: str) -> str | None:
        """Return the watermark of an incremental source; `None` before its first run."""
        found = self._ask("SELECT value FROM {watermark} WHERE source = %s", source)
        return str(found[0][0]) if found else None

    def move_watermark(self, source: str, value: str) -> None:
        """Set the watermark of an incremental source."""
        self._write(
            """INSERT INTO {watermark} VALUES (%s, %s, %s)
            ON CONFLICT (source) DO UPDATE SET value = excluded.value, moved_at = excluded.moved_at""",
            [(source, value, time_of(self))],
        )

    def begin_runs(self, scope: Scope, names: Sequence[str], run: str) -> None:
        """Record the start of a run of sources or datasets; failures of the previous run are kept until it ends."""
        now = time_of(self)
        self._write(
            """INSERT INTO {last_run} VALUES (%s, %s, %s, %s, NULL, 0, '[]') ON CONFLICT (scope, name)
            DO UPDATE SET run = excluded.run, began_at = excluded.began_at, ended_at = NULL""",
            # Sorted by name, so that two writers cannot deadlock.
            [(scope.value, name, run, now) for name in sorted(names)],
        )

    def end_runs(self, scope: Scope, failures: Mapping[str, Sequence[Failure]], run: str) -> None:
        """Record the end of a run and its failures, by name of source or dataset; an empty list if there are none.

        If a later run of the same source or dataset has begun, its row is kept. The later run covers all items of this
        one, since `run --failed` after an unfinished run repeats all items; the later run records its own end.
        """
        now = time_of(self)
        self._write(
            """INSERT INTO {last_run} AS noted VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (scope, name)
            DO UPDATE SET ended_at = excluded.ended_at, failed = excluded.failed, failures = excluded.failures
            WHERE noted.run = excluded.run""",
            [(scope.value, name, run, now, now, *rest) for name, *rest in sorted(rows_of(failures))],
        )

    def last_runs(self, scope: Scope) -> dict[str, LastRun]:
        """Return the last run of each source or dataset, by name."""
        found = self._ask(
            "SELECT name, run, began_at, ended_at, failed, failures FROM {last_run} WHERE scope = %s", scope.value
        )
        return {name: LastRun.parse(name, *rest) for name, *rest in found}

    def close(self) -> None:
        """Release files and connections."""
        self._transactions.close()

    def _ask(self, question: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        return self._transactions.run(lambda tables: tables.ask(question, *values))

    def _write(self, statement: LiteralString, rows: Sequence[Sequence[object]]) -> None:
        self._transactions.write(lambda tables: tables.ask_each(statement, rows))

"""What both indexes do alike, written once: SQL that SQLite and PostgreSQL both understand, and which answer counts.

In a statement `%s` is a value, `{known}` and the like are tables, and so are these, which each database has its own of:

    {url_digest}   the digest of a URL as 64 hexadecimal digits, in a SELECT
    {key}          the row of a URL: a condition whose values are a `Key`
    {key_columns}  its columns
    {key_values}   as many values
    {missed_source}  the source of a row of `missing`
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any, LiteralString, NamedTuple, Protocol, TypeVar

from airnub_core.store.clock import time_of
from airnub_core.store.index.rows import (
    Entered,
    Failure,
    IndexRow,
    LastRun,
    Missed,
    MissNote,
    Run,
    Scope,
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
    rows_of,
    standing,
)
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import Withdrawal

ROWS_AT_ONCE = 5000
"""Answers that are recorded by one statement."""
SELECT: LiteralString = """SELECT source, {url_digest}, url, digest, path, size, manifest, etag, last_modified,
    checked_at, changed_at FROM {known}"""
_ENTER: LiteralString = """INSERT INTO {history} ({key_columns}, seen_at, digest, manifest)
    VALUES ({key_values}, %s, %s, %s)"""
# The trigger enters the state before into the history, where it has a different digest and was not withdrawn.
_UPDATE: LiteralString = """UPDATE {known} SET url = %s, digest = %s, path = %s, size = %s, manifest = %s, etag = %s,
    last_modified = %s, checked_at = %s, changed_at = %s, withdrawn_at = NULL WHERE {key}"""
_NOTE_MISS: LiteralString = """INSERT INTO {missing} ({key_columns}, run, began_at, noted_at)
    VALUES ({key_values}, %s, %s, %s) ON CONFLICT ({key_columns})
    DO UPDATE SET run = excluded.run, began_at = excluded.began_at, noted_at = excluded.noted_at"""

Key = tuple[Any, ...]
"""The values of `{key}`."""
UrlOfSource = tuple[str, str]
"""A source, and the digest of a URL."""
T = TypeVar("T")


class State(NamedTuple):
    """How the row of a URL stands."""

    key: Key
    checked_at: str
    withdrawn_at: str | None
    unwritten: str | None
    """Why it was withdrawn, where the store may not know."""
    note: MissNote | None


class Tables(Protocol):
    """The tables of an index, in one transaction."""

    def ask(self, question: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """Execute a statement; the rows that it gives."""
        ...

    def ask_each(self, statement: LiteralString, rows: Iterable[Sequence[object]]) -> None:
        """Execute a statement with the values of each row."""
        ...


class Transactions(Protocol):
    """Transactions over one connection, for any thread. Each may be done twice: it then writes the same again."""

    def run(self, work: Callable[[Any], T]) -> T:
        """One transaction that reads."""
        ...

    def write(self, work: Callable[[Any], T]) -> T:
        """One transaction that writes; on the disk when it returns."""
        ...

    def close(self) -> None:
        """Release the connection; further transactions are errors."""
        ...


class SqlIndex(ABC):
    """An `Index` in a database; what is abstract is what the two databases do differently."""

    shared: bool

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    @abstractmethod
    def clock(self) -> float:
        """As `Index.clock`."""

    @abstractmethod
    def _begin_anew(self, tables: Any) -> None:
        """Forget every URL."""

    @abstractmethod
    def _mark_built(self, tables: Any) -> None:
        """What `is_built` asks for."""

    @abstractmethod
    def _rows(self, tables: Any, url_digests: Set[str], *, withdrawn: bool = False) -> Iterable[IndexRow]:
        """The current states of URLs, in every source; the last ones of withdrawn URLs too, where they are wanted."""

    @abstractmethod
    def _states(self, tables: Any, url_digests: Set[str], *, lock: bool = True) -> dict[UrlOfSource, State]:
        """How URLs stand, in every source; where the index is shared, their rows are locked until the end."""

    @abstractmethod
    def _histories(self, tables: Any, keys: Sequence[Key]) -> Iterable[tuple[Key, int, Version]]:
        """The versions of URLs with their places in the history, oldest first."""

    @abstractmethod
    def _compare_and_set(
        self, tables: Any, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None], places: Sequence[int]
    ) -> Sequence[int]:
        """Write those rows that are new, or whose URLs are still in the states that were seen.

        Returns:
            The places where others may be, or all, with all rows locked that are there.
        """

    def rebuild(self, manifests: Mapping[str, Manifest], withdrawals: Sequence[Withdrawal] = ()) -> None:
        versions = oldest_first(manifests)

        def build(tables: Tables) -> None:
            self._begin_anew(tables)
            self._record(tables, versions, (), {})
            self._withdraw(tables, withdrawals)
            tables.ask("UPDATE {known} SET unwritten = NULL WHERE unwritten IS NOT NULL")
            self._mark_built(tables)

        self._transactions.write(build)

    def lookup(self, source: str, url_digests: Iterable[str]) -> dict[str, IndexRow]:
        wanted = set(url_digests)
        rows = self._transactions.run(lambda tables: list(self._rows(tables, wanted)))
        return {row.url_digest: row for row in rows if row.source == source}

    def find(self, url_digest: str) -> list[IndexRow]:
        return self._transactions.run(lambda tables: sorted(self._rows(tables, {url_digest})))

    def record(self, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None] = ()) -> dict[int, IndexRow]:
        def write(tables: Tables) -> dict[int, IndexRow]:
            met: dict[int, IndexRow] = {}
            self._record(tables, rows, seen, met)
            return met

        return self._transactions.write(write)

    def current(self, source: str) -> list[IndexRow]:
        where: LiteralString = " WHERE source = %s AND withdrawn_at IS NULL ORDER BY url, url_digest"
        return list(map(IndexRow._make, self._ask(SELECT + where, source)))

    def objects(self, source: str) -> list[tuple[str, str, str, str]]:
        return self._ask(
            "SELECT digest, path, changed_at, manifest FROM {known} WHERE source = %s AND withdrawn_at IS NULL", source
        )

    def count(self, source: str) -> int:
        # Each of the two counts an index alone; `withdrawn_at IS NULL` would look at every row.
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
            there = self._states(tables, {url_digest}, lock=False).get((source, url_digest))
            return [] if there is None else list(map(Version._make, tables.ask(question, *there.key, *there.key)))

        return self._transactions.run(read)

    def sources(self) -> list[str]:
        # Hops from source to source; DISTINCT would walk over every row.
        question: LiteralString = """WITH RECURSIVE one (name) AS (
                SELECT min(source) FROM {known}
                UNION ALL SELECT (SELECT min(source) FROM {known} WHERE source > name) FROM one WHERE name IS NOT NULL
            ) SELECT name FROM one WHERE name IS NOT NULL"""
        return [str(name) for (name,) in self._ask(question)]

    def miss(self, run: Run, missed: Sequence[Missed]) -> list[Standing]:
        now = time_of(self)

        def note(tables: Tables) -> list[Standing]:
            states = self._states(tables, {one.url_digest for one in missed})
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
                states = self._states(tables, given)
                keys = [there.key for url, there in states.items() if url[0] == source and there.note is not None]
                tables.ask_each("DELETE FROM {missing} WHERE {key}", keys)

        self._transactions.write(forget)

    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> list[bool]:
        return self._transactions.write(lambda tables: self._withdraw(tables, withdrawals))

    def unwritten(self) -> list[Withdrawal]:
        question: LiteralString = (
            "SELECT source, {url_digest}, url, withdrawn_at, unwritten FROM {known} WHERE unwritten IS NOT NULL"
        )
        return sorted(map(Withdrawal._make, self._ask(question)))

    def written(self, withdrawals: Sequence[Withdrawal]) -> None:
        def write(tables: Tables) -> None:
            states = self._states(tables, {one.url_digest for one in withdrawals})
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
            # In the order of their names, the same for all: two writers cannot wait for each other.
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

    def _record(
        self,
        tables: Tables,
        rows: Sequence[IndexRow],
        seen: Sequence[IndexRow | None],
        met: dict[int, IndexRow],
    ) -> None:
        before = seen or [None] * len(rows)
        # One statement may meet a row once only.
        for part in in_rounds(rows):
            for start in range(0, len(part), ROWS_AT_ONCE):
                places = self._compare_and_set(tables, rows, before, part[start : start + ROWS_AT_ONCE])
                if places:
                    self._merge(tables, rows, places, met)

    def _merge(self, tables: Tables, rows: Sequence[IndexRow], places: Sequence[int], met: dict[int, IndexRow]) -> None:
        """Record answers whose URLs may be in other states than were looked up."""
        url_digests = {rows[place].url_digest for place in places}
        states = self._states(tables, url_digests)
        there = {row[:2]: row for row in self._rows(tables, url_digests, withdrawn=True)}
        later: list[tuple[object, ...]] = []
        earlier: list[tuple[Key, IndexRow, IndexRow | None]] = []
        for place in places:
            row = rows[place]
            state, present = states[row[:2]], there[row[:2]]
            if state.withdrawn_at is not None:
                if state.unwritten is None and is_back(row, state.withdrawn_at):
                    later.append((*row[2:], *state.key))
                else:
                    earlier.append((state.key, row, None))
                continue
            if not is_recorded(present, row):
                met[place] = present
            if not is_later(present, row):
                earlier.append((state.key, row, present))
            elif (after := following(present, row)) != present:
                later.append((*after[2:], *state.key))
        tables.ask_each(_UPDATE, later)
        if earlier:
            self._enter(tables, earlier)

    def _enter(self, tables: Tables, answers: Sequence[tuple[Key, IndexRow, IndexRow | None]]) -> None:
        """Enter answers into the history before the present states, `None` of a URL that is withdrawn."""
        histories: dict[Key, list[tuple[int, Version]]] = {}
        for key, place, version in self._histories(tables, [key for key, _, _ in answers]):
            histories.setdefault(key, []).append((place, version))
        begun: list[tuple[object, ...]] = []
        gone: list[tuple[int]] = []
        new: list[tuple[object, ...]] = []
        for key, row, present in answers:
            history = histories.get(key, [])
            versions = [version for _, version in history]
            after = Entered(row, *entered_before(row, versions)) if present is None else entered(present, row, versions)
            gone += [(place,) for place, _ in history[after.kept :]]
            new += [(*key, *version) for version in after.tail]
            if present is not None and after.present != present:
                begun.append((after.present.changed_at, *key))
        tables.ask_each("DELETE FROM {history} WHERE place = %s", gone)
        tables.ask_each(_ENTER, new)
        tables.ask_each("UPDATE {known} SET changed_at = %s WHERE {key}", begun)

    def _withdraw(self, tables: Tables, withdrawals: Sequence[Withdrawal]) -> list[bool]:
        states = self._states(tables, {one.url_digest for one in withdrawals})
        result: list[bool] = []
        for one in withdrawals:
            url = (one.source, one.url_digest)
            there = states.get(url)
            if there is None or (there.withdrawn_at is None and there.checked_at > one.withdrawn_at):
                result.append(False)
                continue
            result.append(True)
            if there.withdrawn_at is not None and there.withdrawn_at >= one.withdrawn_at:
                continue
            if there.withdrawn_at is None:
                tables.ask(
                    """INSERT INTO {history} ({key_columns}, seen_at, digest, manifest)
                    SELECT {key_columns}, changed_at, digest, manifest FROM {known} WHERE {key}""",
                    *there.key,
                )
            tables.ask(
                "UPDATE {known} SET withdrawn_at = %s, unwritten = %s WHERE {key}",
                one.withdrawn_at,
                one.reason,
                *there.key,
            )
            tables.ask("DELETE FROM {missing} WHERE {key}", *there.key)
            states[url] = there._replace(withdrawn_at=one.withdrawn_at, unwritten=one.reason)
        return result

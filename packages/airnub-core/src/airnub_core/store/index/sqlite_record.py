"""Answers and withdrawals written into the tables of the index in SQLite, in the transaction of the caller."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from airnub_core.store.index.rows import (
    Entered,
    IndexRow,
    Version,
    entered,
    entered_before,
    following,
    in_rounds,
    is_back,
    is_later,
    is_recorded,
)
from airnub_core.store.index.sqlite_schema import key_of
from airnub_core.store.withdrawal import Withdrawal

COLUMNS = ", ".join(IndexRow._fields)
_INSERT = f"INSERT INTO known ({COLUMNS}, id) VALUES ({', '.join('?' * (len(IndexRow._fields) + 1))})"  # noqa: S608  # constants
_UPDATE = f"UPDATE known SET {', '.join(f'{column} = ?' for column in IndexRow._fields)} WHERE id = ?"  # noqa: S608  # constants
_IDS = "SELECT id FROM url_key WHERE key IN (SELECT value FROM json_each(:keys))"
SELECT = f"SELECT {COLUMNS} FROM known"  # noqa: S608  # constants


def _keys(url_digests: Iterable[str]) -> dict[str, str]:
    return {"keys": json.dumps(list(map(key_of, url_digests)))}


def rows_of_urls(connection: sqlite3.Connection, url_digests: set[str]) -> Iterator[IndexRow]:
    """What is known of URLs, in every source where they are not withdrawn."""
    found = connection.execute(f"{SELECT} WHERE id IN ({_IDS}) AND withdrawn_at IS NULL", _keys(url_digests))
    return (row for row in map(IndexRow._make, found) if row.url_digest in url_digests)


class _There(NamedTuple):
    """Where the row of a URL is, and when it was last checked and withdrawn."""

    id: int
    checked_at: str
    withdrawn_at: str | None


def places_of_urls(connection: sqlite3.Connection, url_digests: set[str]) -> dict[tuple[str, str], _There]:
    """The rows of URLs, withdrawn ones among them, by source and digest of URL."""
    found = connection.execute(
        f"SELECT source, url_digest, id, checked_at, withdrawn_at FROM known WHERE id IN ({_IDS})",  # noqa: S608  # constants
        _keys(url_digests),
    )
    return {(source, url_digest): _There(*there) for source, url_digest, *there in found if url_digest in url_digests}


def record(
    connection: sqlite3.Connection, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None], met: dict[int, IndexRow]
) -> None:
    # No other process writes until this transaction ends: what is not found now is new.
    [last] = connection.execute("SELECT coalesce(max(id), 0) FROM known").fetchone()
    before = seen or [None] * len(rows)
    for part in in_rounds(rows):
        places = _rest(connection, rows, before, part)
        ids = places_of_urls(connection, {rows[place].url_digest for place in places}) if places else {}
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
        connection.executemany("INSERT INTO url_key VALUES (?, ?)", [(key_of(row[1]), row[-1]) for row in new])
        connection.executemany(_UPDATE, changed)
        if others:
            _merge(connection, rows, others, met)


def _rest(
    connection: sqlite3.Connection, rows: Sequence[IndexRow], before: Sequence[IndexRow | None], places: Sequence[int]
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
    connection: sqlite3.Connection, rows: Sequence[IndexRow], others: Mapping[int, int], met: dict[int, IndexRow]
) -> None:
    """Record answers, their places by id, whose URLs are in other states than were looked up."""
    found = connection.execute(
        f"SELECT id, withdrawn_at, unwritten, {COLUMNS} FROM known "  # noqa: S608  # constants
        "WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(others)),),
    ).fetchall()
    for known, withdrawn_at, unwritten, *columns in found:
        place, present = others[known], IndexRow(*columns)
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


def withdraw(connection: sqlite3.Connection, withdrawals: Sequence[Withdrawal]) -> list[bool]:
    places = places_of_urls(connection, {one.url_digest for one in withdrawals})
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

"""Merge rule: which of two responses for a URL is current, and what happens to the other; the same in every index.

A response becomes the current state of its URL if that state has not changed since the lookup before the request.
Otherwise the response whose request was sent later is current, and the other one is inserted into the history. A
withdrawn URL is current again only by a response that brought bytes, even the same ones, after the withdrawal
(`is_back`).
"""

from collections.abc import Sequence
from typing import LiteralString, NamedTuple

from airnub_core.store.index.tables import IndexRow, Key, MissNote, Run, Standing, Tables, Version
from airnub_core.store.withdrawal import Withdrawal

_ROWS_AT_ONCE = 5000
"""Most rows written by one statement."""
_ENTER: LiteralString = """INSERT INTO {history} ({key_columns}, seen_at, digest, manifest)
    VALUES ({key_values}, %s, %s, %s)"""
# A trigger inserts the previous state into the history if its digest differs and it was not withdrawn.
_UPDATE: LiteralString = """UPDATE {known} SET url = %s, digest = %s, path = %s, size = %s, manifest = %s, etag = %s,
    last_modified = %s, checked_at = %s, changed_at = %s, withdrawn_at = NULL WHERE {key}"""


def record(tables: Tables, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None] = ()) -> dict[int, IndexRow]:
    """Implement `Index.record` in the caller's transaction."""
    met: dict[int, IndexRow] = {}
    before = seen or [None] * len(rows)
    # One statement must not write a row twice.
    for part in in_rounds(rows):
        for start in range(0, len(part), _ROWS_AT_ONCE):
            places = tables.compare_and_set(rows, before, part[start : start + _ROWS_AT_ONCE])
            if places:
                met |= _merge(tables, rows, places)
    return met


def _merge(tables: Tables, rows: Sequence[IndexRow], places: Sequence[int]) -> dict[int, IndexRow]:
    """Record responses whose URLs may have changed since the lookup; return the states found instead, by position."""
    met: dict[int, IndexRow] = {}
    url_digests = {rows[place].url_digest for place in places}
    states = tables.states(url_digests)
    there = {row[:2]: row for row in tables.rows(url_digests, withdrawn=True)}
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
        _enter(tables, earlier)
    return met


def _enter(tables: Tables, responses: Sequence[tuple[Key, IndexRow, IndexRow | None]]) -> None:
    """Insert responses into the history, each with the present state of its URL; `None` if the URL is withdrawn."""
    histories: dict[Key, list[tuple[int, Version]]] = {}
    for key, place, version in tables.histories([key for key, _, _ in responses]):
        histories.setdefault(key, []).append((place, version))
    begun: list[tuple[object, ...]] = []
    gone: list[tuple[int]] = []
    new: list[tuple[object, ...]] = []
    for key, row, present in responses:
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


def withdraw(tables: Tables, withdrawals: Sequence[Withdrawal]) -> list[bool]:
    """Implement `Index.withdraw` in the caller's transaction."""
    states = tables.states({one.url_digest for one in withdrawals})
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


def standing(
    checked_at: str | None, withdrawn_at: str | None, note: MissNote | None, run: Run, *, noted_at: str
) -> tuple[Standing, MissNote | None]:
    """Determine the standing of a URL that a run did not find, and the miss note to keep; the same in every index.

    A note counts as one of an earlier run only if it was written before this run began: concurrent runs count as one.

    Args:
        checked_at: last check of the URL's current state; `None` if the URL is not in the index.
        withdrawn_at: when the URL was withdrawn; `None` if it is not withdrawn.
        note: the existing note; void if there is a response to a request sent after its run began.
        run: the run that did not find the URL.
        noted_at: the current time.
    """
    if checked_at is None:
        return Standing.UNKNOWN, None
    if withdrawn_at is not None:
        return Standing.WITHDRAWN, None
    if checked_at > run.began_at:
        return Standing.UNKNOWN, note
    if note is None or note.began_at < checked_at:
        return Standing.NOTED, MissNote(run.name, run.began_at, noted_at)
    if note.run != run.name and note.noted_at < run.began_at:
        return Standing.MISSED_BEFORE, note
    return Standing.NOTED, note


def in_rounds(rows: Sequence[IndexRow]) -> list[list[int]]:
    """Split the positions of rows, in order, into parts in which no URL of a source occurs twice."""
    if len({row[1] for row in rows}) == len(rows):
        return [list(range(len(rows)))] if rows else []
    rounds: list[list[int]] = []
    seen: dict[tuple[str, str], int] = {}
    for place, row in enumerate(rows):
        key = (row.source, row.url_digest)
        turn = seen[key] = seen.get(key, -1) + 1
        if turn == len(rounds):
            rounds.append([])
        rounds[turn].append(place)
    return rounds


def is_later(present: IndexRow, row: IndexRow) -> bool:
    """Whether a response becomes the current state of a URL whose state has changed since the lookup."""
    return row.checked_at >= present.checked_at


def is_recorded(present: IndexRow, row: IndexRow) -> bool:
    """Whether the present state was recorded from this response."""
    return present.checked_at == row.checked_at and present.digest == row.digest


def following(present: IndexRow, row: IndexRow) -> IndexRow:
    """The state after a later response; `changed_at` is kept if the digest is the same."""
    same = present.digest == row.digest
    return row._replace(changed_at=present.changed_at if same else row.checked_at)


def is_back(row: IndexRow, withdrawn_at: str) -> bool:
    """Whether a response makes a withdrawn URL current again, since its state began after the withdrawal.

    A response that only confirms a state from before the withdrawal does not: it brought no bytes.
    """
    return row.changed_at > withdrawn_at


class Entered(NamedTuple):
    """Result of inserting an earlier response into the history."""

    present: IndexRow
    kept: int
    """Number of versions of the history that are kept, from the oldest."""
    tail: list[Version]
    """The versions that follow the kept ones."""


def entered(present: IndexRow, row: IndexRow, history: Sequence[Version]) -> Entered:
    """Insert a response into the history by time; its request was sent before the last check of the present state.

    Adjacent versions have different digests: a version with the digest of its neighbour is merged into it. If the
    present state was seen both before and after the response, it begins again with its last check.
    """
    version = Version(row.checked_at, row.digest, row.manifest)
    if version.seen_at >= present.changed_at:
        if version.digest == present.digest:
            return Entered(present, len(history), [])
        left = Version(present.changed_at, present.digest, present.manifest)
        return Entered(present._replace(changed_at=present.checked_at), len(history), [left, version])
    kept, tail = entered_before(row, history)
    if tail == [version] and present.digest == version.digest:
        return Entered(present._replace(changed_at=version.seen_at), kept, [])
    return Entered(present, kept, tail)


def entered_before(row: IndexRow, history: Sequence[Version]) -> tuple[int, list[Version]]:
    """Insert a response into a history by time.

    Returns:
        The number of versions that are kept, from the oldest, and the versions that follow them.
    """
    version = Version(row.checked_at, row.digest, row.manifest)
    kept = len(history)
    while kept and history[kept - 1].seen_at > version.seen_at:
        kept -= 1
    newer = list(history[kept:])
    if kept and history[kept - 1].digest == version.digest:
        return len(history), []
    if newer and newer[0].digest == version.digest:
        first, *others = newer
        return kept, [first._replace(seen_at=version.seen_at), *others]
    return kept, [version, *newer]

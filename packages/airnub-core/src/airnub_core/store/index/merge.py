"""Merge rule: which of two responses for a URL is current, and what happens to the other; the same in every index.

An answer becomes the current state of its URL where that is still the one that was looked up before it was asked for.
Where it is not, the answer whose request was sent later is current, and the other one enters the history before it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, LiteralString, NamedTuple

from airnub_core.store.index.rows import IndexRow, MissNote, Run, Standing, Version
from airnub_core.store.withdrawal import Withdrawal

if TYPE_CHECKING:
    from airnub_core.store.index.sql import Key, Tables

_ROWS_AT_ONCE = 5000
"""Answers that are recorded by one statement."""
_ENTER: LiteralString = """INSERT INTO {history} ({key_columns}, seen_at, digest, manifest)
    VALUES ({key_values}, %s, %s, %s)"""
# The trigger enters the state before into the history, where it has a different digest and was not withdrawn.
_UPDATE: LiteralString = """UPDATE {known} SET url = %s, digest = %s, path = %s, size = %s, manifest = %s, etag = %s,
    last_modified = %s, checked_at = %s, changed_at = %s, withdrawn_at = NULL WHERE {key}"""


def record(tables: "Tables", rows: Sequence[IndexRow], seen: Sequence[IndexRow | None] = ()) -> dict[int, IndexRow]:
    """As `Index.record`, in the transaction of the caller."""
    met: dict[int, IndexRow] = {}
    before = seen or [None] * len(rows)
    # One statement may meet a row once only.
    for part in in_rounds(rows):
        for start in range(0, len(part), _ROWS_AT_ONCE):
            places = tables.compare_and_set(rows, before, part[start : start + _ROWS_AT_ONCE])
            if places:
                met |= _merge(tables, rows, places)
    return met


def _merge(tables: "Tables", rows: Sequence[IndexRow], places: Sequence[int]) -> dict[int, IndexRow]:
    """Record answers whose URLs may be in other states than were looked up; these states by place."""
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


def _enter(tables: "Tables", answers: Sequence[tuple["Key", IndexRow, IndexRow | None]]) -> None:
    """Enter answers into the history before the present states, `None` of a URL that is withdrawn."""
    histories: dict[Key, list[tuple[int, Version]]] = {}
    for key, place, version in tables.histories([key for key, _, _ in answers]):
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


def withdraw(tables: "Tables", withdrawals: Sequence[Withdrawal]) -> list[bool]:
    """As `Index.withdraw`, in the transaction of the caller."""
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
    """Where a URL stands that a run did not find, and the note to keep of it; the same in every index.

    Only a run that ended with its note before this one began counts as the one before: two at once are one finding.

    Args:
        checked_at: of its current state, `None` for a URL that is not known.
        withdrawn_at: when it was withdrawn, if it is.
        note: what is noted; an answer to a request that was sent after its run began makes it void.
        run: which does not find it.
        noted_at: the time now.
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
    """The places of the rows, in their order, parted so that no URL of a source is twice in one part."""
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
    """Whether an answer becomes the current state of its URL where that is not the one that was looked up before."""
    return row.checked_at >= present.checked_at


def is_recorded(present: IndexRow, row: IndexRow) -> bool:
    """Whether the present state is this very answer."""
    return present.checked_at == row.checked_at and present.digest == row.digest


def following(present: IndexRow, row: IndexRow) -> IndexRow:
    """The state that a later answer leads to; where its digest is a new one, the present state is history."""
    same = present.digest == row.digest
    return row._replace(changed_at=present.changed_at if same else row.checked_at)


def is_back(row: IndexRow, withdrawn_at: str) -> bool:
    """Whether an answer makes a withdrawn URL current again: the state that it begins is later than the withdrawal.

    One that only confirms a state of before the withdrawal was looked up before it, and asked for no bytes.
    """
    return row.changed_at > withdrawn_at


class Entered(NamedTuple):
    """What an earlier answer leads to: of the history, oldest first, `kept` versions stay and `tail` follows them."""

    present: IndexRow
    kept: int
    tail: list[Version]


def entered(present: IndexRow, row: IndexRow, history: Sequence[Version]) -> Entered:
    """Enter an answer whose request was sent before the last one of the present state into the history, by its time.

    Versions beside each other have different digests: one that has its neighbour's belongs to it. Where the present
    state was seen before the answer and again after it, it begins anew with its last check.
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
    """Enter an answer into a history by its time: as many versions as stay, oldest first, and what follows them."""
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

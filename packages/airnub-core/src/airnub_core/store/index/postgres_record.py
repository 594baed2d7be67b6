"""Answers and withdrawals written into the tables of the index in PostgreSQL, in the transaction of the caller."""

from collections.abc import Sequence
from typing import LiteralString

from airnub_core.store.index.postgres_connection import Tables
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
from airnub_core.store.withdrawal import Withdrawal

SELECT: LiteralString = """SELECT source, encode(url_digest, 'hex'), url, digest, path, size, manifest, etag,
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
_BACK: LiteralString = """UPDATE {known} SET url = %s, digest = %s, path = %s, size = %s, manifest = %s, etag = %s,
    last_modified = %s, checked_at = %s, changed_at = %s, withdrawn_at = NULL
    WHERE url_digest = decode(%s, 'hex') AND source = %s"""
_STATES: LiteralString = """SELECT source, encode(url_digest, 'hex'), checked_at, withdrawn_at, unwritten FROM {known}
    WHERE url_digest = ANY(%s) ORDER BY url_digest, source FOR UPDATE"""
_ROWS_AT_ONCE = 5000


def record(tables: Tables, rows: Sequence[IndexRow], seen: Sequence[IndexRow | None], met: dict[int, IndexRow]) -> None:
    # One statement may meet a row once only.
    for part in in_rounds(rows):
        for start in range(0, len(part), _ROWS_AT_ONCE):
            places = part[start : start + _ROWS_AT_ONCE]
            answers = [(rows[at], seen[at] if seen else None) for at in places]
            if not _compare_and_set(tables, answers):
                _merge(tables, places, answers, met)


def _compare_and_set(tables: Tables, answers: Sequence[tuple[IndexRow, IndexRow | None]]) -> bool:
    """Write the rows that are new, or still those that were looked up, and lock the others; whether all is done."""
    given = [row if seen is None else row._replace(changed_at=seen.checked_at) for row, seen in answers]
    [(written, back)] = tables.ask(_COMPARE_AND_SET, *map(list, zip(*given, strict=True)))
    return written == len(given) and not back


def _merge(
    tables: Tables,
    places: Sequence[int],
    answers: Sequence[tuple[IndexRow, IndexRow | None]],
    met: dict[int, IndexRow],
) -> None:
    """Record those of answers that have met other states than were looked up; all are locked."""
    question = SELECT + " WHERE url_digest = ANY(%s)"
    keys = [bytes.fromhex(row.url_digest) for row, _ in answers]
    found = map(IndexRow._make, tables.ask(question, keys))
    there = {(present.source, present.url_digest): present for present in found}
    states = states_of(tables, keys)
    later: list[tuple[IndexRow, IndexRow | None]] = []
    earlier: list[tuple[IndexRow, IndexRow | None]] = []
    begun: list[IndexRow] = []
    for place, (row, seen) in zip(places, answers, strict=True):
        present = there[row.source, row.url_digest]
        _, withdrawn_at, unwritten = states[row.source, row.url_digest]
        if withdrawn_at is not None:
            if unwritten is None and is_back(row, withdrawn_at):
                tables.ask(_BACK, *row[2:], row.url_digest, row.source)
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
        _compare_and_set(tables, later)
    if earlier:
        begun += _enter(tables, earlier)
    if begun:
        columns = zip(*((row.source, row.url_digest, row.changed_at) for row in begun), strict=True)
        tables.ask(_CHANGED_AT, *map(list, columns))


def _enter(tables: Tables, answers: Sequence[tuple[IndexRow, IndexRow | None]]) -> list[IndexRow]:
    """Enter answers into the history before the present states, `None` of a URL that is withdrawn; those of these
    that begin later now.
    """
    found = tables.ask(
        """SELECT source, encode(url_digest, 'hex'), place, seen_at, digest, manifest FROM {history}
        WHERE url_digest = ANY(%s) ORDER BY place""",
        [bytes.fromhex(row.url_digest) for row, _ in answers],
    )
    histories: dict[tuple[str, str], list[tuple[int, Version]]] = {}
    for source, url_digest, place, *version in found:
        histories.setdefault((source, url_digest), []).append((place, Version(*version)))
    begun: list[IndexRow] = []
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
        tables.ask("DELETE FROM {history} WHERE place = ANY(%s)", gone)
    if new:
        tables.ask(_ENTER, *map(list, zip(*new, strict=True)))
    return begun


def states_of(
    tables: Tables, url_digests: Sequence[bytes]
) -> dict[tuple[str, str], tuple[str, str | None, str | None]]:
    """When URLs were last checked and withdrawn, and why where the store does not know; their rows are locked."""
    found = tables.ask(_STATES, list(url_digests))
    return {(source, url_digest): (one, two, three) for source, url_digest, one, two, three in found}


def withdraw(tables: Tables, withdrawals: Sequence[Withdrawal]) -> list[bool]:
    states = states_of(tables, [bytes.fromhex(one.url_digest) for one in withdrawals])
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
            tables.ask(
                """INSERT INTO {history} (source, url_digest, seen_at, digest, manifest)
                SELECT source, url_digest, changed_at, digest, manifest FROM {known}
                WHERE source = %s AND url_digest = decode(%s, 'hex')""",
                *key,
            )
        tables.ask(
            """UPDATE {known} SET withdrawn_at = %s, unwritten = %s
            WHERE source = %s AND url_digest = decode(%s, 'hex')""",
            one.withdrawn_at,
            one.reason,
            *key,
        )
        tables.ask("DELETE FROM {missing} WHERE source = %s AND url_digest = decode(%s, 'hex')", *key)
        states[key] = (checked_at, one.withdrawn_at, one.reason)
    return result

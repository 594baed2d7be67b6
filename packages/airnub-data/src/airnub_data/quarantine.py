"""Quarantine: invalid rows in a Delta table beside the dataset's, with their raw text and all reasons.

`conform` decides which rows are invalid; `limits` how many of them a commit may have. If it has more, nothing is
committed, and its rows are not in the quarantine.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import polars as pl

from airnub_common import redact_text, sha256_hex
from airnub_core.outcome import Violation
from airnub_data.columns import OBJECT, RECORD
from airnub_data.conform import FOUND, REASON
from airnub_data.inputs import InputObject
from airnub_data.location import Location
from airnub_data.partition_files import described
from airnub_data.stage import TEXT, Stage, StagedObject
from airnub_data.table import Table, TableFile, create

FIRST_SEEN = "first_seen"
"""Column with the time at which a row first was in quarantine, in UTC; it stays the same when a rule changes."""
_SCHEMA = pl.Schema(
    {
        OBJECT: pl.String(),
        RECORD: pl.Int64(),
        TEXT: pl.String(),
        REASON: pl.String(),
        FIRST_SEEN: pl.Datetime("us", "UTC"),
    }
)
_LONGEST_EXAMPLE = 80
"""Maximum length of an example value in a violation, in characters; the quarantine has the whole row."""


def quarantine_name(stem: str) -> str:
    """Return the name of the quarantine table of a dataset."""
    return f"{stem}.quarantine"


def publish(
    location: Location,
    stem: str,
    code: str,
    objects: Sequence[tuple[InputObject, StagedObject]],
    stage: Stage,
    retention: timedelta,
) -> int | None:
    """Bring the quarantine of a dataset up to date with its current objects.

    It has one file for each object with invalid rows. Versions are kept as long as those of the dataset, whose commits
    refer to them.

    Returns:
        The version of the quarantine; `None` if there never was an invalid row.

    Raises:
        ConflictError: another writer committed first.
        StoreError: the quarantine cannot be read or written.
    """
    wanted = {
        f"{sha256_hex(repr((code, source.digest)).encode())}.parquet": (
            [source.digest],
            partial(stage.quarantine, source),
        )
        for source, staged in objects
        if staged.quarantined
    }
    return _publish(location, stem, wanted, (OBJECT, RECORD), retention)


def publish_transformed(location: Location, stem: str, rows: pl.DataFrame | None, retention: timedelta) -> int | None:
    """Replace the quarantine of a dataset with inputs by these rows; rows are identified by their text.

    Args:
        location: location of the datasets.
        stem: name of the dataset's table.
        rows: `TEXT` and `REASON`, with null in `OBJECT` and `RECORD`; `None` if all rows are valid.
        retention: how long versions are kept.

    Returns and errors are those of `publish`.
    """
    if rows is None:
        return _publish(location, stem, {}, (TEXT,), retention)
    rows = rows.sort(TEXT, REASON)
    path = f"{sha256_hex(repr(rows.select(TEXT, REASON).rows()).encode())}.parquet"
    return _publish(location, stem, {path: (rows[TEXT].unique().to_list(), lambda: rows)}, (TEXT,), retention)


def _publish(
    location: Location,
    stem: str,
    wanted: Mapping[str, tuple[Sequence[str], Callable[[], pl.DataFrame]]],
    same: Sequence[str],
    retention: timedelta,
) -> int | None:
    """Bring the quarantine to a set of files.

    Args:
        location: location of the datasets.
        stem: name of the dataset's table.
        wanted: by path, the values of the first column of `same` in the file, and a function that returns its rows,
            which is called only if the file does not exist.
        same: columns that identify a row across versions.
        retention: how long versions are kept.
    """
    name = quarantine_name(stem)
    table = Table.open(location, name)
    if table is not None:
        table.keep(retention)
    there = {} if table is None else table.files()
    missing = {path: file for path, file in wanted.items() if path not in there}
    gone = [file for path, file in there.items() if path not in wanted]
    if not missing and not gone:
        return None if table is None else table.version
    # Looked up for all files together: a row that was staged by different code is in a file that is removed.
    before = _first_seen(table, same, [value for values, _ in missing.values() for value in values])
    added = [_written(location, name, path, rows(), before, same) for path, (_, rows) in missing.items()]
    if table is None:
        return create(location, name, added, _SCHEMA, {"quarantine": stem}, retention)
    return table.commit(added, gone, _SCHEMA, {"quarantine": stem})


def read(location: Location, stem: str) -> pl.LazyFrame:
    """Scan the quarantined rows: `_object`, `_record`, `text`, `reason` and `first_seen`; empty without a table."""
    table = Table.open(location, quarantine_name(stem))
    return pl.LazyFrame(schema=_SCHEMA) if table is None else table.scan()


def sample(rows: pl.LazyFrame, limit: int) -> tuple[int, list[dict[str, Any]]]:
    """Return the number of rows, and the newest of them, ordered by time, object and record.

    Args:
        rows: quarantined rows, as returned by `read`.
        limit: maximum number of rows returned.
    """
    count = rows.select(pl.len()).collect().item()
    found = rows.sort(FIRST_SEEN, OBJECT, RECORD, descending=[True, False, False]).head(limit).collect()
    return int(count), found.to_dicts()


def violations(rows: pl.LazyFrame) -> tuple[Violation, ...]:
    """Aggregate quarantined rows by violated rule, the most frequent first; a row counts for each rule that it breaks.

    Args:
        rows: rows with `REASON`.
    """
    reason = pl.col(REASON)
    found = (
        rows.select(reason.str.split("; ").list.eval(pl.element().filter(_begins_a_rule)))
        .explode(REASON, empty_as_null=True)
        .select(
            reason.str.split(FOUND).list.first().alias("rule"),
            reason.str.split(FOUND).list.slice(1).list.join(FOUND).alias("example"),
        )
        .group_by("rule", maintain_order=True)
        .agg(pl.len().alias("rows"), pl.col("example").first())
        .sort(["rows", "rule"], descending=[True, False])
        .collect()
    )
    return tuple(
        Violation(row["rule"], row["rows"], _shown(row["example"] or "")) for row in found.iter_rows(named=True)
    )


# A value may contain the separator.
_begins_a_rule = pl.element().str.contains(FOUND, literal=True) | (pl.int_range(pl.len()) == 0)


def _shown(value: str) -> str:
    """Format a value of a source as one line of bounded length, with secrets redacted."""
    text = redact_text(" ".join(value.split()))
    return text if len(text) <= _LONGEST_EXAMPLE else f"{text[:_LONGEST_EXAMPLE]}…"


def _written(
    location: Location, name: str, path: str, rows: pl.DataFrame, before: pl.DataFrame, same: Sequence[str]
) -> TableFile:
    now = pl.lit(datetime.now(UTC), dtype=_SCHEMA[FIRST_SEEN])
    rows = rows.join(before, on=same, how="left", maintain_order="left").with_columns(pl.col(FIRST_SEEN).fill_null(now))
    file = location.temporary(name)
    rows.select(_SCHEMA.names()).write_parquet(file)
    added = described(path, file)
    location.place(file, f"{name}/{path}")
    return added


def _first_seen(table: Table | None, same: Sequence[str], values: Sequence[str]) -> pl.DataFrame:
    if table is None:
        return pl.DataFrame(schema={name: _SCHEMA[name] for name in (*same, FIRST_SEEN)})
    rows = table.scan().filter(pl.col(same[0]).is_in(values))
    return rows.group_by(same).agg(pl.col(FIRST_SEEN).min()).collect()

"""Quarantine: rows that do not fit, in a Delta table beside the dataset's, with their raw text and all reasons."""

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
"""When a row was first in quarantine, in UTC; a rule that changes leaves it as it is."""
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
"""Characters of a value that a violation shows; the quarantine has the whole row."""


def quarantine_name(stem: str) -> str:
    """The table of the rows of a dataset that do not fit."""
    return f"{stem}.quarantine"


def publish(
    location: Location,
    stem: str,
    code: str,
    objects: Sequence[tuple[InputObject, StagedObject]],
    stage: Stage,
    retention: timedelta,
) -> int | None:
    """Bring the quarantine of a dataset to what its current objects give: a file for each object with such rows.

    Its versions are kept as long as those of the dataset, whose commits name them.

    Returns:
        Its version, `None` where there is none and never was a row for it.

    Raises:
        ConflictError: another writer committed first.
        StoreError: it cannot be read or written.
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
    """Bring the quarantine of a dataset with inputs to these rows, which have no object; the same text is the same row.

    Args:
        location: where datasets are.
        stem: the name of the dataset's table.
        rows: with `OBJECT` and `RECORD`, which are null, `TEXT` and `REASON`; `None` where there are none.
        retention: how long its versions are kept.

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
    """Bring the quarantine to some files, by path; `same` are the columns that say that a row was there before.

    Each file has the values of the first of these columns, and its rows, which are asked for where it is missing.
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
    # Looked up for all files together: a row that was staged by other code is in a file that goes.
    before = _first_seen(table, same, [value for values, _ in missing.values() for value in values])
    added = [_written(location, name, path, rows(), before, same) for path, (_, rows) in missing.items()]
    if table is None:
        return create(location, name, added, _SCHEMA, {"quarantine": stem}, retention)
    return table.commit(added, gone, _SCHEMA, {"quarantine": stem})


def read(location: Location, stem: str) -> pl.LazyFrame:
    """The rows in quarantine: `_object`, `_record`, `text`, `reason` and `first_seen`; none where there is no table."""
    table = Table.open(location, quarantine_name(stem))
    return pl.LazyFrame(schema=_SCHEMA) if table is None else table.scan()


def sample(rows: pl.LazyFrame, limit: int) -> tuple[int, list[dict[str, Any]]]:
    """How many rows there are, and some of them: the newest first, then by object and record.

    Args:
        rows: in quarantine, as `read` gives them.
        limit: of the rows that are given.
    """
    count = rows.select(pl.len()).collect().item()
    found = rows.sort(FIRST_SEEN, OBJECT, RECORD, descending=[True, False, False]).head(limit).collect()
    return int(count), found.to_dicts()


def violations(rows: pl.LazyFrame) -> tuple[Violation, ...]:
    """The rules that rows in quarantine break, the most frequent first; a row counts for each that it breaks.

    Args:
        rows: with `REASON`.
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


# A value may have the separator in it.
_begins_a_rule = pl.element().str.contains(FOUND, literal=True) | (pl.int_range(pl.len()) == 0)


def _shown(value: str) -> str:
    """A value of a source, without secrets and in one line of bounded length."""
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

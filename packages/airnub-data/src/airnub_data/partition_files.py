"""Partition files: the file names of a table, and how each file is written from staged rows.

A name is a digest of everything that determines the content: code, partition, objects in their order, keys that are
kept in a different partition. So the difference between wanted and existing names is the work of a run, and a file that
a killed run left can be reused.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from airnub_common import sha256_hex
from airnub_data.columns import RECORD
from airnub_data.dataset import Dataset
from airnub_data.inputs import InputObject
from airnub_data.keys import newest_of_key, repeated_hashes
from airnub_data.stage import COMPRESSION_LEVEL, HASH, PART, ROW_GROUP, Stage, StagedObject
from airnub_data.table import TableFile

LARGEST = 2_000_000
"""Maximum row count of a file of a dataset with a key; larger partitions are split by the hash of the key."""
_OWN_FILE = 50_000
"""Row count from which an object of a dataset without key and partitions keeps its staged files as files of the
table."""
_NULL = "null"


@dataclass(frozen=True, slots=True)
class PartitionFile:
    """One file that a table should have."""

    path: str
    """Path relative to the table."""
    partition: int | None
    objects: Sequence[InputObject]
    """Objects that have rows in the file, in their order."""
    bucket: tuple[int, int] = (0, 1)
    """Index and number of the parts into which the partition is split by the hash of the key."""
    staged: int | None = None
    """Index of the staged chunk that becomes the file unchanged; `None` if the file has to be written."""
    moved: pl.DataFrame | None = field(default=None, repr=False)
    """Keys that are kept in a different partition."""


def wanted_files(
    dataset: Dataset, code: str, objects: Sequence[tuple[InputObject, StagedObject]], moved: pl.DataFrame, stage: Stage
) -> list[PartitionFile]:
    """Return the files that the table should consist of.

    Args:
        dataset: declaration of the dataset.
        code: digest of the code that determines the table.
        objects: all current objects, in their order.
        moved: result of `moved_keys`; empty if keys cannot move.
        stage: staged rows of the objects.
    """
    in_partition: dict[int | None, list[tuple[InputObject, int]]] = {}
    for source, staged in objects:
        for number, rows in staged.partitions.items():
            in_partition.setdefault(number, []).append((source, rows))
    lost: Mapping[tuple[Any, ...], pl.DataFrame] = (
        moved.partition_by(PART, as_dict=True, include_key=False) if len(moved) else {}
    )
    return [
        file
        for number, touching in in_partition.items()
        for file in _of_partition(dataset, code, number, touching, lost.get((number,)), stage)
    ]


def _of_partition(
    dataset: Dataset,
    code: str,
    number: int | None,
    touching: Sequence[tuple[InputObject, int]],
    moved: pl.DataFrame | None,
    stage: Stage,
) -> Iterator[PartitionFile]:
    if not dataset.key and dataset.partition_by is None:
        own = [source for source, rows in touching if rows >= _OWN_FILE]
        for source in own:
            for chunk in range(len(stage.files(source))):
                yield PartitionFile(_path(None, code, "staged", source.digest, chunk), None, [source], staged=chunk)
        touching = [(source, rows) for source, rows in touching if rows < _OWN_FILE]
        if not touching:
            return
    objects = [source for source, _ in touching]
    folder = None
    if dataset.partition_by is not None:
        folder = dataset.partition_by.name(number) or _NULL
    # The name depends on the values of the keys, not on the hashes by which they were found.
    keys = "" if moved is None else sha256_hex(repr(moved.rows()).encode())
    count = -(-sum(rows for _, rows in touching) // LARGEST) if dataset.key else 1
    for bucket in range(count):
        parts = [code, number, [source.digest for source in objects], keys, bucket, count]
        yield PartitionFile(_path(folder, *parts), number, objects, (bucket, count), moved=moved)


def write_file(dataset: Dataset, file: PartitionFile, stage: Stage, target: Path) -> None:
    """Write a file of a table from staged rows, deduplicated by key.

    Raises:
        OSError: the file cannot be written.
    """
    rows = pl.concat(_rows(file, source, stage) for source in file.objects)
    if file.bucket[1] > 1:
        rows = rows.filter(pl.col(HASH) % file.bucket[1] == file.bucket[0])
    repeated = repeated_hashes(rows) if dataset.key else pl.Series(dtype=pl.UInt64)
    if file.moved is not None:
        rows = rows.join(file.moved.lazy(), on=list(dataset.key), how="anti", nulls_equal=True, maintain_order="left")
    names = dataset.table_schema.names()
    if repeated.is_empty():
        rows.select(names).sink_parquet(
            target, compression_level=COMPRESSION_LEVEL, engine="streaming", row_group_size=ROW_GROUP
        )
        return
    every = rows.collect()
    repeats = every[HASH].is_in(repeated.implode())
    newest = newest_of_key(every.filter(repeats).lazy(), dataset).collect()
    pl.concat([every.filter(~repeats), newest]).select(names).write_parquet(
        target, compression_level=COMPRESSION_LEVEL, row_group_size=ROW_GROUP
    )


def staged_file(file: PartitionFile, stage: Stage) -> Path | None:
    """Return the staged file that becomes the file of the table unchanged, or `None` if the file has to be written."""
    return None if file.staged is None else stage.files(file.objects[0])[file.staged]


def described(path: str, local: Path) -> TableFile:
    """Return a written file as a commit adds it: with size in bytes, row count and column statistics."""
    rows = pl.scan_parquet(local)
    schema = rows.collect_schema()
    ordered = [name for name, dtype in schema.items() if _has_stats(dtype) and name != RECORD]
    found = rows.select(
        pl.len().alias("rows"),
        *(pl.col(name).min().alias(f"min:{name}") for name in ordered),
        *(pl.col(name).max().alias(f"max:{name}") for name in ordered),
        *(pl.col(name).null_count().alias(f"null:{name}") for name in ordered),
    ).collect(engine="streaming").row(0, named=True)  # fmt: skip
    stats: dict[str, Any] = {
        "minValues": {name: _logged(found[f"min:{name}"]) for name in ordered if found[f"min:{name}"] is not None},
        "maxValues": {
            name: _logged(found[f"max:{name}"], up=True) for name in ordered if found[f"max:{name}"] is not None
        },
        "nullCount": {name: found[f"null:{name}"] for name in ordered},
    }
    return TableFile(path, local.stat().st_size, found["rows"], stats)


def _rows(file: PartitionFile, source: InputObject, stage: Stage) -> pl.LazyFrame:
    rows = pl.scan_parquet(stage.files(source))
    if PART in rows.collect_schema():
        rows = rows.filter(pl.col(PART).eq_missing(file.partition))
    return rows


def _path(folder: str | None, *parts: object) -> str:
    name = f"{sha256_hex(repr(parts).encode())}.parquet"
    return name if folder is None else f"{folder}/{name}"


def _has_stats(dtype: pl.DataType) -> bool:
    return dtype.is_integer() or dtype == pl.Date or isinstance(dtype, pl.Datetime)


def _logged(value: Any, *, up: bool = False) -> Any:
    """Format a value as the Delta log does: timestamps in milliseconds, a maximum rounded up."""
    if isinstance(value, datetime):
        if up and value.microsecond % 1000:
            value += timedelta(microseconds=1000 - value.microsecond % 1000)
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + ("Z" if value.tzinfo else "")
    return value.isoformat() if isinstance(value, date) else value

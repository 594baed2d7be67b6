"""Partition files: the names of the files of a table, and how each is made of staged rows.

A name is a digest of all that decides what is in the file: code, partition, objects in their order, keys that are kept
elsewhere. So the names that should be there, compared with those that are there, say what a run has to do; and a file
that a killed run left is the right one.
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
"""Rows of a file of rows with a key; of more rows, files are made by the hash of the key."""
_OWN_FILE = 50_000
"""Rows from which on an object without key and partition has files of its own, its staged ones."""
_NULL = "null"


@dataclass(frozen=True, slots=True)
class PartitionFile:
    """One file that a table should have."""

    path: str
    """Relative to the table."""
    partition: int | None
    objects: Sequence[InputObject]
    """Those that have rows in it, in their order."""
    bucket: tuple[int, int] = (0, 1)
    """Which of how many parts by the hash of the key."""
    staged: int | None = None
    """The chunk of its one object that it is, where staged rows are the table's."""
    moved: pl.DataFrame | None = field(default=None, repr=False)
    """Keys that are kept elsewhere."""


def wanted_files(
    dataset: Dataset, code: str, objects: Sequence[tuple[InputObject, StagedObject]], moved: pl.DataFrame, stage: Stage
) -> list[PartitionFile]:
    """The files that the table of these objects has.

    Args:
        dataset: its declaration.
        code: a digest of what decides how rows become a table.
        objects: all current ones, in their order.
        moved: as `moved_keys` gives them; empty where no key can move.
        stage: where the rows of the objects are.
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
    # The key's values decide, not the order or the hashes that they were found by.
    keys = "" if moved is None else sha256_hex(repr(moved.rows()).encode())
    count = -(-sum(rows for _, rows in touching) // LARGEST) if dataset.key else 1
    for bucket in range(count):
        parts = [code, number, [source.digest for source in objects], keys, bucket, count]
        yield PartitionFile(_path(folder, *parts), number, objects, (bucket, count), moved=moved)


def write_file(dataset: Dataset, file: PartitionFile, stage: Stage, target: Path) -> None:
    """Write a file of a table from staged rows.

    Raises:
        OSError: it cannot be written.
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
    """The staged file that is the table's, `None` where one has to be made."""
    return None if file.staged is None else stage.files(file.objects[0])[file.staged]


def described(path: str, local: Path) -> TableFile:
    """A file that is written, as a commit adds it: its size, rows, and least and greatest values."""
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
    """A value as Delta's log has it: times in milliseconds, the greatest rounded up."""
    if isinstance(value, datetime):
        if up and value.microsecond % 1000:
            value += timedelta(microseconds=1000 - value.microsecond % 1000)
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + ("Z" if value.tzinfo else "")
    return value.isoformat() if isinstance(value, date) else value

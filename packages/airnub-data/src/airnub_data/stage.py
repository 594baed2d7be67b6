"""Stage: one object's rows, typed and checked, in a folder of their own. It is a cache: what is missing is made again.

    <datasets>/.stage/<table>/<object>.<code>/00000.parquet …     rows that fit, a file for each chunk of the object
                                              quarantine.parquet  rows that do not, with raw text and reasons
                                              summary.json        how many rows of each, by partition

A folder appears whole: it is written under another name and renamed.
"""

import errno
import gzip
import io
import json
import os
import shutil
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl

from airnub_common import hex_of
from airnub_core.errors import DatasetError, StoreError
from airnub_core.store.protocol import Store
from airnub_data.columns import INTERNAL, OBJECT, RECORD
from airnub_data.conform import REASON, Conformed, Misfit, conform
from airnub_data.dataset import Dataset
from airnub_data.drift import Drift
from airnub_data.inputs import InputObject
from airnub_data.partitioning import key_hash
from airnub_data.readers import Chunk

PART = "_p"
"""The column of staged rows with the number of their partition."""
HASH = "_h"
"""The column of staged rows with the hash of their key."""
TEXT = "text"
QUARANTINE = "quarantine.parquet"
_SUMMARY = "summary.json"
ROW_GROUP = 100_000
_SMALLEST_ROW_GROUP = 4_096
COMPRESSION_LEVEL = 2
"""Of zstd: with 3, the default of polars, writing takes half as much processor time again, for files 1 % smaller."""
_KEPT = 24 * 3600
"""Seconds that a staged object stays which is not current any more: another run may be at it."""
_GZIP = b"\x1f\x8b"
_UNREADABLE = (
    "nothing was committed, and the version before stays. Correct the source and run ingestion and processing again, "
    "or correct the declaration"
)
_TAKEN = {errno.EEXIST, errno.ENOTEMPTY}


@dataclass(frozen=True, slots=True)
class StagedObject:
    """What is known of an object's rows without reading them."""

    object: str
    """Its digest."""
    rows_read: int
    quarantined: int
    partitions: Mapping[int | None, int]
    """Rows that fit, by the number of their partition; `None` where there are no partitions, or the column is null."""
    drift: tuple[Drift, ...] = ()
    """Where the object differs from the declaration."""

    @property
    def rows(self) -> int:
        """Rows that fit."""
        return sum(self.partitions.values())


class Stage:
    """The staged rows of one dataset."""

    def __init__(self, dataset: Dataset, code: str, store: Store, folder: Path) -> None:
        """Rows of the objects in `store`, made by code with this digest, below `folder`, which belongs to the table."""
        self._dataset = dataset
        self._code = code[:16]
        self._store = store
        self._folder = folder

    def staged(self, source: InputObject) -> StagedObject:
        """The rows of an object, made where they are missing.

        Raises:
            DatasetError: the object cannot be read as the declaration says.
            DamagedObjectError: its bytes are not those of its digest.
            StoreError: the store cannot be read, or the stage cannot be written.
        """
        folder = self._of(source.digest)
        if (found := _found(source.digest, folder)) is not None:
            return found
        try:
            return self._make(source, folder)
        except OSError as error:
            raise StoreError.of(error, folder) from error

    def files(self, source: InputObject) -> list[Path]:
        """The files of an object's rows that fit, in the order of its records; they are made where they are missing."""
        self.staged(source)
        return sorted(self._of(source.digest).glob("[0-9]*.parquet"))

    def quarantine(self, source: InputObject) -> pl.DataFrame:
        """An object's rows that do not fit: `OBJECT`, `RECORD`, `TEXT` and `REASON`."""
        self.staged(source)
        path = self._of(source.digest) / QUARANTINE
        return pl.read_parquet(path).select(pl.lit(source.digest).alias(OBJECT), RECORD, TEXT, REASON)

    def forget(self, source: InputObject) -> None:
        """Remove an object's rows, which cannot be read."""
        shutil.rmtree(self._of(source.digest), ignore_errors=True)

    def prune(self, current: set[str]) -> None:
        """Remove what belongs to no current object, by digest, or to other code, once it is a day old."""
        wanted = {self._of(digest).name for digest in current}
        before = time.time() - _KEPT
        for path in self._folder.glob("*") if self._folder.is_dir() else ():
            try:
                if path.name not in wanted and path.stat().st_mtime < before:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            except FileNotFoundError:
                continue  # another run was faster

    def _of(self, digest: str) -> Path:
        return self._folder / f"{hex_of(digest)}.{self._code}"

    def _make(self, source: InputObject, folder: Path) -> StagedObject:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _made(folder) as making:
            read = quarantined = 0
            partitions: Counter[int | None] = Counter()
            drift: list[Drift] = []
            types = _Types()
            for number, chunk in enumerate(self._chunks(source)):
                drift += chunk.drift
                rows, bad = self._conformed(chunk, types)
                read += len(chunk.rows) + len(chunk.refused)
                if not bad.is_empty():
                    quarantined += len(bad)
                    # Written at once: rows that are kept hold the whole text of their chunk in memory.
                    bad.write_parquet(making / f"bad-{number:05}.parquet")
                if rows.is_empty():
                    continue
                rows = rows.with_columns(pl.lit(source.digest).alias(OBJECT))
                rows = self._placed(rows, partitions)
                self._write(rows, making / f"{number:05}.parquet")
            bad_files = sorted(making.glob("bad-*.parquet"))
            if bad_files:
                pl.scan_parquet(bad_files).sink_parquet(making / QUARANTINE)
            else:
                pl.DataFrame(schema=_QUARANTINE).write_parquet(making / QUARANTINE)
            for path in bad_files:
                path.unlink()
            drift += types.drift([one.column for one in drift if one.kind == "type"])
            summary = {
                "rows_read": read,
                "quarantined": quarantined,
                "partitions": sorted(partitions.items(), key=lambda one: (one[0] is not None, one[0] or 0)),
                "drift": [one.as_json() for one in drift],
                "sizes": {path.name: path.stat().st_size for path in making.glob("*.parquet")},
            }
            (making / _SUMMARY).write_text(json.dumps(summary))
        return StagedObject(source.digest, read, quarantined, dict(partitions), tuple(drift))

    def _write(self, rows: pl.DataFrame, path: Path) -> None:
        if self._dataset.key or self._dataset.partition_by is not None:
            # It is read again and never becomes a file of the table: speed counts, and lz4 takes a third more space.
            # Groups have about the rows of a partition, since each partition is read by itself.
            partitions = rows[PART].n_unique() if PART in rows.columns else 1
            size = max(_SMALLEST_ROW_GROUP, min(ROW_GROUP, len(rows) // partitions))
            rows.write_parquet(path, compression="lz4", row_group_size=size)
        else:
            rows.write_parquet(path, compression_level=COMPRESSION_LEVEL, row_group_size=ROW_GROUP)

    def _chunks(self, source: InputObject) -> Iterator[Chunk]:
        with _opened(self._store, source) as stream:
            reader = self._dataset.read_by
            try:
                yield from reader.read(self._dataset.stem, stream, self._dataset.columns)
                stream.read()  # what the reader left: the digest is known at the end alone
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                reason = f"expected a whole gzip file in {source.path}, found: {error}"
                raise DatasetError(self._dataset.stem, f"{reason}; {_UNREADABLE}") from error
            except DatasetError as error:
                raise DatasetError(error.dataset, f"{error.reason} ({source.path}); {_UNREADABLE}") from error

    def _conformed(self, chunk: Chunk, types: "_Types") -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows that fit, and those that do not with `RECORD`, `TEXT` and `REASON`."""
        conformed = conform(chunk.rows, self._dataset.columns)
        types.add(conformed)
        rows, bad = conformed.rows, [conformed.quarantine]
        if self._dataset.derive is not None and not rows.is_empty():
            derived = self._derived(rows)
            rows = derived.rows
            bad.append(derived.quarantine)
        refused = pl.DataFrame(list(chunk.refused), schema={RECORD: pl.Int64, REASON: pl.String}, orient="row")
        quarantine = pl.concat([*bad, refused]).sort(RECORD)
        texts = chunk.texts(quarantine[RECORD].to_list()) if len(quarantine) else []
        return rows, quarantine.with_columns(pl.Series(TEXT, texts, dtype=pl.String)).select(*_QUARANTINE)

    def _derived(self, rows: pl.DataFrame) -> Conformed:
        assert self._dataset.derive is not None
        try:
            derived = self._dataset.derive(rows)
        except Exception as error:  # code of a department: one dataset fails, not the stage
            name = f"{self._dataset.derive.__module__}.{getattr(self._dataset.derive, '__qualname__', 'derive')}"
            reason = f"expected rows from {name}, found {type(error).__name__}: {error}"
            raise DatasetError(self._dataset.stem, reason) from error
        missing = [name for name in (RECORD, *self._dataset.schema) if name not in derived.columns]
        if missing:
            reason = f"expected the columns {', '.join(missing)} from `derive`, found {_named(derived)}"
            raise DatasetError(self._dataset.stem, reason)
        return conform(derived, self._dataset.schema)

    def _placed(self, rows: pl.DataFrame, partitions: Counter[int | None]) -> pl.DataFrame:
        """The rows with what the table needs to know of them, those of a partition beside each other."""
        by = self._dataset.partition_by
        inside = [key_hash(self._dataset.key).alias(HASH)] if self._dataset.key else []
        if by is not None:
            inside.append(by.number().alias(PART))
        stored = (pl.col(name).cast(dtype) for name, dtype in self._dataset.table_schema.items())
        rows = rows.select(*stored, *inside)
        if by is None:
            partitions[None] += len(rows)
            return rows
        rows = rows.sort(PART, maintain_order=True)
        for number, count in rows.group_by(PART).len().iter_rows():
            partitions[number] += count
        return rows


def _named(rows: pl.DataFrame) -> str:
    return ", ".join(name for name in rows.columns if name not in INTERNAL) or "no columns"


class _Types:
    """How many values of an object are of a different type than that of their column."""

    def __init__(self) -> None:
        self._filled: Counter[str] = Counter()
        self._misfits: dict[str, Misfit] = {}

    def add(self, conformed: Conformed) -> None:
        self._filled.update(conformed.filled)
        for name, one in conformed.misfits.items():
            first = self._misfits.get(name)
            total = one.values + (first.values if first else 0)
            self._misfits[name] = Misfit(total, (first or one).record, (first or one).reason)

    def drift(self, known: Sequence[str]) -> list[Drift]:
        """Columns of which at least half of the values are of a different type, but for those that are known."""
        return [
            Drift("type", name, one.record, f"{one.reason} ({one.values:,} of {self._filled[name]:,} values)")
            for name, one in self._misfits.items()
            if name not in known and one.values * 2 >= self._filled[name]
        ]


_QUARANTINE = {RECORD: pl.Int64(), TEXT: pl.String(), REASON: pl.String()}


def _found(digest: str, folder: Path) -> StagedObject | None:
    """What a folder holds, `None` where it is not there, or not whole."""
    try:
        summary = json.loads((folder / _SUMMARY).read_text())
        if any((folder / name).stat().st_size != size for name, size in summary["sizes"].items()):
            return None
        partitions = {None if number is None else int(number): rows for number, rows in summary["partitions"]}
        drift = tuple(map(Drift.parse, summary["drift"]))
        return StagedObject(digest, summary["rows_read"], summary["quarantined"], partitions, drift)
    except (OSError, ValueError, KeyError):
        return None


@contextmanager
def _made(folder: Path) -> Iterator[Path]:
    """A folder that gets its name when the block ends well; a whole one that has it already is as good."""
    making = folder.with_name(f".{folder.name}.{os.urandom(8).hex()}.tmp")
    making.mkdir()
    try:
        yield making
        try:
            making.rename(folder)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            if _found("", folder) is None:
                # What a power loss left of it.
                shutil.rmtree(folder, ignore_errors=True)
                making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


@contextmanager
def _opened(store: Store, source: InputObject) -> Iterator[BinaryIO]:
    """The bytes of an object; those of a gzip file as what it holds."""
    raw = io.BufferedReader(_Pieces(store.pieces(source.path, source.digest)), 1 << 20)
    with raw:
        if raw.peek(2)[:2] == _GZIP:
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield cast("BinaryIO", unpacked)
        else:
            yield cast("BinaryIO", raw)


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file to read."""

    def __init__(self, pieces: Iterator[bytes | memoryview]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what BufferedReader gives
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size

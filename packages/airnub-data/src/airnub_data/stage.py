"""Stage: typed and validated rows of one object, in a folder of their own. It is a cache that is filled on demand.

    <datasets>/.stage/<table>/<object>.<code>/00000.parquet …     valid rows, one file for each chunk of the object
                                              quarantine.parquet  invalid rows, with raw text and reasons
                                              summary.json        row counts of both, by partition

A folder appears complete: it is written under a temporary name and renamed.
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
from airnub_core.store.base import Store
from airnub_data.columns import INTERNAL, OBJECT, RECORD
from airnub_data.conform import REASON, Conformed, Misfit, conform
from airnub_data.dataset import Dataset
from airnub_data.drift import Drift
from airnub_data.inputs import InputObject
from airnub_data.partitioning import key_hash
from airnub_data.readers import Chunk

PART = "_p"
"""Column of staged rows with the number of their partition."""
HASH = "_h"
"""Column of staged rows with the hash of their key."""
TEXT = "text"
QUARANTINE = "quarantine.parquet"
_SUMMARY = "summary.json"
ROW_GROUP = 100_000
_SMALLEST_ROW_GROUP = 4_096
COMPRESSION_LEVEL = 2
"""Level of zstd: with 3, the default of polars, writing takes half as much processor time again, for files 1 %
smaller."""
_KEPT = 24 * 3600
"""Seconds for which a staged object stays that is no longer current: a concurrent run may be reading it."""
_GZIP = b"\x1f\x8b"
_UNREADABLE = (
    "nothing was committed; the previous version stays. Correct the source and run ingestion and processing again, "
    "or correct the declaration"
)
_TAKEN = {errno.EEXIST, errno.ENOTEMPTY}


@dataclass(frozen=True, slots=True)
class StagedObject:
    """Row counts and drift of an object."""

    object: str
    """Digest of the object."""
    rows_read: int
    """Number of rows read, valid or not."""
    quarantined: int
    """Number of invalid rows."""
    partitions: Mapping[int | None, int]
    """Valid rows by partition number; `None` if there are no partitions, or if the partition column is null."""
    drift: tuple[Drift, ...] = ()
    """Differences between the object and the declaration."""

    @property
    def rows(self) -> int:
        """Number of valid rows."""
        return sum(self.partitions.values())


class Stage:
    """Staged rows of one dataset."""

    def __init__(self, dataset: Dataset, code: str, store: Store, folder: Path) -> None:
        """Open a stage.

        Args:
            dataset: declaration of the dataset.
            code: digest of the code that determines the rows of one object.
            store: content store with the objects.
            folder: folder of the table's staged rows.
        """
        self._dataset = dataset
        self._code = code[:16]
        self._store = store
        self._folder = folder

    def staged(self, source: InputObject) -> StagedObject:
        """Return row counts and drift of an object, staging its rows if necessary.

        Raises:
            DatasetError: the object cannot be read as declared.
            DamagedObjectError: the bytes of the object do not match its digest.
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
        """Return the files with an object's valid rows, in the order of its records, staging them if necessary."""
        self.staged(source)
        return sorted(self._of(source.digest).glob("[0-9]*.parquet"))

    def quarantine(self, source: InputObject) -> pl.DataFrame:
        """Return an object's invalid rows: `OBJECT`, `RECORD`, `TEXT` and `REASON`."""
        self.staged(source)
        path = self._of(source.digest) / QUARANTINE
        return pl.read_parquet(path).select(pl.lit(source.digest).alias(OBJECT), RECORD, TEXT, REASON)

    def forget(self, source: InputObject) -> None:
        """Remove an object's staged rows, which cannot be read."""
        shutil.rmtree(self._of(source.digest), ignore_errors=True)

    def prune(self, current: set[str]) -> None:
        """Remove staged rows that are older than a day and belong to different code or to no current object.

        Args:
            current: digests of the current objects.
        """
        wanted = {self._of(digest).name for digest in current}
        before = time.time() - _KEPT
        for path in self._folder.glob("*") if self._folder.is_dir() else ():
            try:
                if path.name not in wanted and path.stat().st_mtime < before:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
            except FileNotFoundError:
                continue  # removed by a concurrent run

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
                    # Written at once: invalid rows keep the whole text of their chunk in memory.
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
            # Such a file is read again and never becomes a file of the table, so speed counts, and lz4 takes a third
            # more space. Row groups have about the size of a partition, since each partition is read separately.
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
                stream.read()  # the digest is verified only at the end of the object
            except (EOFError, gzip.BadGzipFile, zlib.error) as error:
                reason = f"expected a whole gzip file in {source.path}, found: {error}"
                raise DatasetError(self._dataset.stem, f"{reason}; {_UNREADABLE}") from error
            except DatasetError as error:
                raise DatasetError(error.dataset, f"{error.reason} ({source.path}); {_UNREADABLE}") from error

    def _conformed(self, chunk: Chunk, types: "_Types") -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return valid rows, and invalid ones as `RECORD`, `TEXT` and `REASON`."""
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
        except Exception as error:  # code of a department: fails only this dataset
            name = f"{self._dataset.derive.__module__}.{getattr(self._dataset.derive, '__qualname__', 'derive')}"
            reason = f"expected rows from {name}, found {type(error).__name__}: {error}"
            raise DatasetError(self._dataset.stem, reason) from error
        missing = [name for name in (RECORD, *self._dataset.schema) if name not in derived.columns]
        if missing:
            reason = f"expected the columns {', '.join(missing)} from `derive`, found {_named(derived)}"
            raise DatasetError(self._dataset.stem, reason)
        return conform(derived, self._dataset.schema)

    def _placed(self, rows: pl.DataFrame, partitions: Counter[int | None]) -> pl.DataFrame:
        """Add hash and partition of each row, sort the rows by partition, and count them."""
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
    """Counts the values of an object whose type differs from that of their column."""

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
        """Return the columns in which at least half of the values have a different type, except for known ones."""
        return [
            Drift("type", name, one.record, f"{one.reason} ({one.values:,} of {self._filled[name]:,} values)")
            for name, one in self._misfits.items()
            if name not in known and one.values * 2 >= self._filled[name]
        ]


_QUARANTINE = {RECORD: pl.Int64(), TEXT: pl.String(), REASON: pl.String()}


def _found(digest: str, folder: Path) -> StagedObject | None:
    """Return what a folder contains; `None` if it does not exist or is incomplete."""
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
    """Create a folder that is renamed to its final name when the block succeeds, unless a complete one exists."""
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
                # An incomplete folder was left by a power loss.
                shutil.rmtree(folder, ignore_errors=True)
                making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)


@contextmanager
def _opened(store: Store, source: InputObject) -> Iterator[BinaryIO]:
    """Open an object's bytes, decompressed if it is a gzip file."""
    raw = io.BufferedReader(_Pieces(store.pieces(source.path, source.digest)), 1 << 20)
    with raw:
        if raw.peek(2)[:2] == _GZIP:
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield cast("BinaryIO", unpacked)
        else:
            yield cast("BinaryIO", raw)


class _Pieces(io.RawIOBase):
    """Adapts an iterator of byte pieces to a readable file."""

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

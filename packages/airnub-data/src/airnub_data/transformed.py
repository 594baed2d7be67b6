"""Transformed rows: the result of a dataset's `transform`, validated and written as files of its table.

    <datasets>/.stage/<table>/.<random>.tmp/    rows.parquet           result of `transform`
                                                00000.parquet …        valid rows, in chunks
                                                bad-00000.parquet …    invalid rows
                                                <digest>.parquet …     finished files of the table

The rows are never in memory all at once: polars streams them to a file, which is read in chunks. A file of the table is
named by the digest of its bytes, and its rows are sorted by key: a partition with the same rows as before keeps its
file.
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from airnub_core.errors import DatasetError, StoreError
from airnub_core.outcome import Violation
from airnub_data.columns import OBJECT, RECORD
from airnub_data.conform import REASON, conform
from airnub_data.dataset import Dataset
from airnub_data.location import Location
from airnub_data.partition_files import LARGEST, described
from airnub_data.partitioning import key_hash
from airnub_data.quarantine import violations
from airnub_data.stage import COMPRESSION_LEVEL, HASH, PART, ROW_GROUP, TEXT
from airnub_data.table import TableFile

_CHUNK = 200_000
"""Number of rows that are validated at a time."""
_SLICE = 5_000_000
"""Maximum number of hashes in memory: 40 MB."""
_NULL = "null"
_NAMED_HASHES = 1_000


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows that become one file of the table."""

    number: int | None
    bucket: int
    buckets: int
    rows: int


class TransformedRows:
    """Rows of one attempt, in a folder that is removed at the end of `transformed_rows`."""

    def __init__(self, dataset: Dataset, folder: Path, on_progress: Callable[[float], None]) -> None:
        self._dataset = dataset
        self._folder = folder
        self._on_progress = on_progress
        self._partitions: Counter[int | None] = Counter()
        self.read = 0
        """Number of rows that `transform` returned."""
        self.quarantined = 0
        """Number of invalid rows among them."""

    @property
    def fit(self) -> int:
        """Number of valid rows among them."""
        return self._partitions.total()

    def make(self, inputs: Sequence[pl.LazyFrame]) -> None:
        """Run `transform` on the rows of the inputs, and validate the result.

        Raises:
            DatasetError: `transform` failed, or its result lacks declared columns.
        """
        whole = self._folder / "rows.parquet"
        rows = self._planned(inputs)
        with self._transforming():
            rows.sink_parquet(whole, compression="lz4", row_group_size=_CHUNK, engine="streaming")
        stored = pl.scan_parquet(whole)
        self.read = int(stored.select(pl.len()).collect().item())
        for number, begin in enumerate(range(0, self.read, _CHUNK)):
            self._check(stored.slice(begin, _CHUNK).collect(), number)
            self._on_progress(min(1.0, (begin + _CHUNK) / self.read) / 2)
        whole.unlink()

    def quarantine(self) -> pl.DataFrame | None:
        """Return invalid rows as in the quarantine, with null as object and record; `None` if all rows are valid."""
        files = sorted(self._folder.glob("bad-*.parquet"))
        return pl.read_parquet(files) if files else None

    def violations(self) -> tuple[Violation, ...]:
        """Return the violated rules, the one with the most rows first."""
        files = sorted(self._folder.glob("bad-*.parquet"))
        return violations(pl.scan_parquet(files)) if files else ()

    def require_keys(self) -> None:
        """Verify that keys are unique.

        Raises:
            DatasetError: two rows have the same key.
        """
        key = list(self._dataset.key)
        if not key or not self.fit:
            return
        slices = max(1, -(-self.fit // _SLICE))
        for number in range(slices):
            rows = self._fitting().filter(pl.col(HASH) % slices == number)
            hashes = rows.select(HASH).collect(engine="streaming").to_series()
            if hashes.n_unique() == len(hashes):
                continue
            twice = hashes.filter(hashes.is_duplicated()).unique().head(_NAMED_HASHES)
            same = rows.filter(pl.col(HASH).is_in(twice.implode())).select(key).collect()
            found = same.group_by(key, maintain_order=True).len().filter(pl.col("len") > 1)
            if found.is_empty():
                continue  # hash collision of different keys
            *values, count = found.row(0)
            example = ", ".join(f"{name}={value}" for name, value in zip(key, values, strict=True))
            raise DatasetError(
                self._dataset.stem,
                f"expected one row for each {', '.join(key)}, found {count:,} rows with {example} and "
                f"{len(hashes) - hashes.n_unique():,} duplicate rows in all; nothing was committed. Have `transform` "
                "give one row a key, such as by group_by or unique, or correct the input whose rows repeat",
            )

    def files(self) -> Iterator[tuple[TableFile, Path]]:
        """Yield the files of the table as a commit adds them, each with its local path."""
        parts = list(self._parts())
        for done, part in enumerate(parts, 1):
            yield self._written(part)
            self._on_progress(0.5 + done / len(parts) / 2)

    def _planned(self, inputs: Sequence[pl.LazyFrame]) -> pl.LazyFrame:
        assert self._dataset.transform is not None
        with self._transforming():
            rows = self._dataset.transform(*inputs)
            if not isinstance(rows, pl.LazyFrame):
                raise TypeError(f"{type(rows).__name__}, expected a polars.LazyFrame")
            given = rows.collect_schema().names()
        missing = [name for name in self._dataset.columns if name not in given]
        if missing:
            raise DatasetError(
                self._dataset.stem,
                f"expected the columns {', '.join(missing)} from {self._name}, found {', '.join(given) or 'none'}",
            )
        return rows.select(*self._dataset.columns)

    @property
    def _name(self) -> str:
        transform: Any = self._dataset.transform
        return f"{transform.__module__}.{getattr(transform, '__qualname__', 'transform')}"

    @contextmanager
    def _transforming(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            raise  # an error of the disk, not of the function
        except (Exception, pl.exceptions.PanicException) as error:  # code of a department: fails only this dataset
            first = str(error).strip().partition("\n")[0]
            reason = f"expected rows from {self._name}, found {type(error).__name__}: {first}"
            raise DatasetError(self._dataset.stem, reason) from error

    def _check(self, rows: pl.DataFrame, number: int) -> None:
        rows = rows.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias(RECORD))
        conformed = conform(rows, self._dataset.columns)
        bad = conformed.quarantine
        if not bad.is_empty():
            self.quarantined += len(bad)
            # The row of a query over several inputs has no raw text: its values as JSON take its place.
            values = rows[bad[RECORD].to_list()].drop(RECORD)
            texts = values.select(pl.struct(pl.all()).struct.json_encode().alias(TEXT)).to_series()
            bad.select(
                pl.lit(None, pl.String).alias(OBJECT), pl.lit(None, pl.Int64).alias(RECORD), texts, REASON
            ).write_parquet(self._folder / f"bad-{number:05}.parquet")
        if not conformed.rows.is_empty():
            self._place(conformed.rows, self._folder / f"{number:05}.parquet")

    def _place(self, rows: pl.DataFrame, path: Path) -> None:
        by, key = self._dataset.partition_by, self._dataset.key
        inside = [key_hash(key).alias(HASH)] if key else []
        number = pl.lit(None, pl.Int32) if by is None else by.number()
        rows = rows.with_columns(pl.lit(None, pl.String).alias(OBJECT), pl.lit(None, pl.Int64).alias(RECORD))
        stored = (pl.col(name).cast(dtype) for name, dtype in self._dataset.table_schema.items())
        rows = rows.select(*stored, *inside, number.alias(PART))
        if by is not None:
            rows = rows.sort(PART, maintain_order=True)
        for part, count in rows.group_by(PART).len().iter_rows():
            self._partitions[part] += count
        size = max(4_096, min(ROW_GROUP, len(rows) // rows[PART].n_unique()))
        rows.write_parquet(path, compression="lz4", row_group_size=size)

    def _fitting(self) -> pl.LazyFrame:
        return pl.scan_parquet(sorted(self._folder.glob("[0-9][0-9][0-9][0-9][0-9].parquet")))

    def _parts(self) -> Iterator[_Part]:
        for number, rows in sorted(self._partitions.items(), key=lambda one: (one[0] is not None, one[0] or 0)):
            buckets = -(-rows // LARGEST) if self._dataset.key else 1
            for bucket in range(buckets):
                yield _Part(number, bucket, buckets, rows)

    def _written(self, part: _Part) -> tuple[TableFile, Path]:
        rows = self._fitting().filter(pl.col(PART).eq_missing(part.number))
        if part.buckets > 1:
            rows = rows.filter(pl.col(HASH) % part.buckets == part.bucket)
        if self._dataset.key:
            # Bounded by LARGEST. Sorted, equal rows result in equal bytes, independently of the order in which polars
            # returns them.
            rows = rows.sort(self._dataset.key)
        file = self._folder / "part.parquet"
        rows.select(self._dataset.table_schema.names()).sink_parquet(
            file, compression_level=COMPRESSION_LEVEL, engine="streaming", row_group_size=ROW_GROUP
        )
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        by = self._dataset.partition_by
        folder = None if by is None else by.name(part.number) or _NULL
        path = f"{digest}.parquet" if folder is None else f"{folder}/{digest}.parquet"
        named = file.replace(self._folder / f"{digest}.parquet")
        return described(path, named), named


@contextmanager
def transformed_rows(
    dataset: Dataset, location: Location, inputs: Sequence[pl.LazyFrame], on_progress: Callable[[float], None]
) -> Iterator[TransformedRows]:
    """Provide the rows of a dataset with inputs during the block.

    Raises:
        DatasetError: `transform` failed, or its result lacks declared columns.
        StoreError: the rows cannot be written.
    """
    folder = location.temporary(dataset.stem)
    try:
        folder.mkdir()
        rows = TransformedRows(dataset, folder, on_progress)
        rows.make(inputs)
        yield rows
    except OSError as error:
        raise StoreError.of(error, folder) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)

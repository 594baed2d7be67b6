"""Parquet: read rows in batches, with columns matched by name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import polars as pl

from airnub_core.errors import DatasetError
from airnub_data.columns import RECORD, DataType, Schema, described
from airnub_data.drift import Drift
from airnub_data.readers.chunk import Chunk, lacking
from airnub_data.readers.whole_file import whole_file

_ROWS = 100_000
"""Number of rows per chunk."""


@dataclass(frozen=True, slots=True)
class Parquet:
    """Reader of Parquet files. Values are cast to the types of their columns; a damaged file fails as a whole."""

    suffix: str = ".parquet"

    def read(self, dataset: str, stream: BinaryIO, schema: Schema) -> Iterator[Chunk]:
        """Yield the rows of one file; `RECORD` is the row number, from 1 on.

        Raises:
            DatasetError: the file cannot be read, or lacks a column.
        """
        with whole_file(stream) as path:
            try:
                rows = pl.scan_parquet(path, glob=False)
                found = rows.collect_schema()
            except (pl.exceptions.PolarsError, OSError) as error:
                raise DatasetError(dataset, f"expected a whole Parquet file, found: {_first_line(error)}") from error
            missing = [name for name in schema if name not in found]
            if missing:
                raise DatasetError(dataset, lacking(missing, found.names(), schema))
            drift = [Drift("new", name, 0) for name in found if name not in schema]
            for name, column in schema.items():
                if _group(found[name]) not in _READ_AS.get(_group(column.dtype), (_group(column.dtype),)):
                    detail = f"expected {described(column.dtype)}, found {found[name]}"
                    drift.append(Drift("type", name, 0, detail))
            first = 1
            try:
                for batch in rows.select(*schema).collect_batches(chunk_size=_ROWS, maintain_order=True):
                    yield _chunk(batch, first, drift)
                    first += len(batch)
                    drift = []
            except (pl.exceptions.PolarsError, OSError) as error:
                raise DatasetError(dataset, f"expected a whole Parquet file, found: {_first_line(error)}") from error
            if drift:
                yield _chunk(pl.DataFrame(schema={name: found[name] for name in schema}), first, drift)


def _chunk(batch: pl.DataFrame, first: int, drift: Sequence[Drift]) -> Chunk:
    rows = batch.select(_plain(batch[name]) for name in batch.columns)
    rows = rows.with_columns(pl.int_range(first, first + len(rows), dtype=pl.Int64).alias(RECORD))

    def texts(records: Sequence[int]) -> list[str]:
        return rows.filter(pl.col(RECORD).is_in(list(records))).drop(RECORD).write_ndjson().splitlines()

    return Chunk(rows, texts, drift=drift)


def _plain(values: pl.Series) -> pl.Series:
    """Convert values of types without a counterpart in text formats to text."""
    if values.dtype == pl.Binary:
        return values.map_elements(lambda value: value.decode("utf-8", "replace"), return_dtype=pl.String)
    if values.dtype in (pl.Categorical, pl.Enum, pl.Time):
        return values.cast(pl.String)
    if values.dtype == pl.Duration:
        return values.map_elements(str, return_dtype=pl.String)
    return values


_READ_AS = {
    "number": ("number", "whole number", "decimal"),
    "decimal": ("decimal", "whole number"),
    "text": ("text", "bytes"),
    "time": ("time", "date"),
}
"""By target kind, the kinds of values that can be cast to it without loss."""


def _group(dtype: DataType) -> str:
    if dtype in (pl.String, pl.Categorical, pl.Enum):
        return "text"
    if dtype == pl.Binary:
        return "bytes"
    if dtype == pl.Decimal:
        return "decimal"
    if dtype.is_integer():
        return "whole number"
    if dtype.is_float():
        return "number"
    if dtype == pl.Datetime:
        return "time"
    if dtype == pl.Date:
        return "date"
    return str(dtype).partition("(")[0]


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]

"""Function reader: parse a format that no other reader supports with a function of the department."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import polars as pl

from airnub_core.errors import DatasetError
from airnub_data.columns import RECORD, Schema
from airnub_data.readers.chunk import Chunk


@dataclass(frozen=True, slots=True)
class Function:
    """Reader that calls a function with the bytes of an object; the whole object is in memory."""

    function: Callable[[bytes], pl.DataFrame]
    suffix: str = ""

    def read(self, dataset: str, stream: BinaryIO, schema: Schema) -> Iterator[Chunk]:
        """Yield the result of the function as one chunk; `RECORD` is the row number, from 1 on.

        Raises:
            DatasetError: the function raised an error, or a column is missing.
        """
        content = stream.read()
        try:
            rows = self.function(content)
        except Exception as error:  # code of a department: fails only this dataset
            raise DatasetError(dataset, _where(error, self.function)) from error
        missing = [name for name in schema if name not in rows.columns]
        if missing:
            found = ", ".join(rows.columns) or "no columns"
            raise DatasetError(dataset, f"expected the columns {', '.join(missing)} from its reader, found {found}")
        rows = rows.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(RECORD), *schema)

        def texts(records: Sequence[int]) -> list[str]:
            wanted = rows.filter(pl.col(RECORD).is_in(list(records))).drop(RECORD)
            return wanted.write_ndjson().splitlines()

        yield Chunk(rows, texts)


def _where(error: Exception, function: Callable[[bytes], pl.DataFrame]) -> str:
    trace = error.__traceback__
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == getattr(getattr(function, "__code__", None), "co_filename", None):
            line = trace.tb_lineno
        trace = trace.tb_next
    place = f"{function.__module__}.{getattr(function, '__qualname__', 'reader')}"
    at = f", line {line}" if line else ""
    return f"expected rows from its reader {place}{at}, found {type(error).__name__}: {error}"

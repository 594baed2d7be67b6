"""CSV: chunks are cut where a record ends; polars reads a chunk, or Python line by line where polars refuses it."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import polars as pl

from airnub_core.errors import DatasetError
from airnub_data.columns import RECORD, Schema
from airnub_data.conform import BEYOND
from airnub_data.readers.chunk import CHUNK, LARGEST_RECORD, Chunk, decoded

_BOM = b"\xef\xbb\xbf"
_LINES_OF_A_RECORD = 1000
"""Lines that one record may have; a quote that is open for longer was never meant to open a field."""


@dataclass(frozen=True, slots=True)
class Csv:
    """CSV files with a header, in UTF-8.

    Columns are found by the names in the header, in any order. A line with too few fields has missing values, one
    without any value is left out, and one with more fields than the header is set aside.
    """

    delimiter: str = ","
    suffix: str = ".csv"

    def read(self, dataset: str, stream: BinaryIO, schema: Schema) -> Iterator[Chunk]:
        """The rows of one file; `RECORD` is the line at which a record begins, and the header is line 1.

        Raises:
            DatasetError: there is no header, or a column of the schema is not in it.
        """
        header: list[str] | None = None
        line = 1
        for content in _chunks(stream):
            if header is None:
                header, end, lines = self._header(dataset, content.removeprefix(_BOM), schema)
                content = content.removeprefix(_BOM)[end:]
                line += lines
            if content:
                yield self._chunk(content, header, line, schema)
                line += content.count(b"\n")
        if header is None:
            raise DatasetError(dataset, "expected a CSV file with a header, found an empty file")

    def _header(self, dataset: str, content: bytes, schema: Schema) -> tuple[list[str], int, int]:
        """The names of the columns, where the header ends, and how many lines it has."""
        lines = content.splitlines(keepends=True)[:_LINES_OF_A_RECORD]
        reader = csv.reader(decoded(lines), delimiter=self.delimiter)
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in schema if name not in header]
        if missing:
            found = ", ".join(header) or "no columns"
            raise DatasetError(dataset, f"expected the columns {', '.join(missing)} in the header, found {found}")
        twice = [name for name in schema if header.count(name) > 1]
        if twice:
            raise DatasetError(dataset, f"expected each column once in the header, found {', '.join(twice)} twice")
        return header, sum(map(len, lines[: reader.line_num])), reader.line_num

    def _chunk(self, content: bytes, header: Sequence[str], line: int, schema: Schema) -> Chunk:
        # Columns that are not declared get names of their own: two of them may have the same.
        names = [name if name in schema else f"undeclared:{place}" for place, name in enumerate(header)] + [BEYOND]
        try:
            rows = self._read(content, names)
        except pl.exceptions.PolarsError:
            return self._slowly(content, names, line, schema)
        ends = content.count(b"\n") + (not content.endswith(b"\n"))
        if len(rows) == ends:
            rows = rows.with_columns(pl.int_range(line, line + ends, dtype=pl.Int64).alias(RECORD))
        else:
            # Fields with line breaks: a record begins as many lines later as the ones before it have.
            breaks = pl.sum_horizontal(pl.col(names).str.count_matches("\n", literal=True).fill_null(0))
            before = breaks.cum_sum().shift(1, fill_value=0)
            rows = rows.with_columns((pl.int_range(line, line + pl.len(), dtype=pl.Int64) + before).alias(RECORD))
        texts = _Texts(content, line, rows[RECORD] if len(rows) != ends else None)
        # A line without any value is left out; columns that are not declared are looked at where it may be one.
        if _may_be_empty(rows, [*schema, BEYOND]):
            rows = rows.filter(~pl.all_horizontal(_empty(names)))
        return Chunk(rows.select(RECORD, *schema, BEYOND), texts)

    def _read(self, content: bytes, names: Sequence[str]) -> pl.DataFrame:
        return pl.read_csv(
            content,
            has_header=False,
            schema=dict.fromkeys(names, pl.String),
            separator=self.delimiter,
            encoding="utf8-lossy",
            truncate_ragged_lines=True,
            missing_columns="insert",
        )

    def _slowly(self, content: bytes, names: Sequence[str], line: int, schema: Schema) -> Chunk:
        """The same, record by record: one with a stray quote costs itself and none beside it."""
        text = [raw.decode("utf-8", "replace") for raw in _lines(content)]
        rows: list[tuple[int, list[str | None]]] = []
        refused: list[tuple[int, str]] = []
        starts: list[int] = []
        at = 0
        while at < len(text):
            reader = csv.reader(iter(text[at : at + _LINES_OF_A_RECORD]), delimiter=self.delimiter, strict=True)
            try:
                fields = next(reader)
            except csv.Error as error:
                refused.append((line + at, f"expected a line of CSV, found: {error}"))
                starts.append(line + at)
                at += 1
                continue
            starts.append(line + at)
            if any(fields):
                rows.append((line + at, list(fields)))
            at += reader.line_num
        width = len(names)
        table = [(number, *(fields + [None] * width)[:width]) for number, fields in rows]
        frame = pl.DataFrame(table, schema={RECORD: pl.Int64, **dict.fromkeys(names, pl.String)}, orient="row")
        return Chunk(
            frame.select(RECORD, *schema, BEYOND), _Texts(content, line, pl.Series(starts, dtype=pl.Int64)), refused
        )


class _Texts:
    """The raw text of records by the lines that they begin at."""

    def __init__(self, content: bytes, line: int, starts: pl.Series | None) -> None:
        self._content = content
        self._line = line
        self._starts = starts
        """The lines at which records begin; `None` where each line is one."""

    def __call__(self, records: Sequence[int]) -> list[str]:
        lines = _lines(self._content)
        if self._starts is None:
            return decoded([lines[record - self._line] for record in records])
        starts = self._starts.to_list()
        ends = dict(zip(starts, [*starts[1:], self._line + len(lines)], strict=True))
        return decoded([b"".join(lines[record - self._line : ends[record] - self._line]) for record in records])


def _may_be_empty(rows: pl.DataFrame, names: Sequence[str]) -> bool:
    """Whether a row has no value in these columns; the first of them usually rules it out."""
    empty = pl.repeat(value=True, n=len(rows), dtype=pl.Boolean, eager=True)
    for name in names:
        empty &= rows.select(_empty([name])).to_series()
        if not empty.any():
            return False
    return True


def _empty(names: Sequence[str]) -> pl.Expr:
    return pl.col(names).is_null() | (pl.col(names) == "")


def _lines(content: bytes) -> list[bytes]:
    """Lines with their ends, which are line feeds alone: a record may hold any other sign that splits lines."""
    return io.BytesIO(content).readlines()


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    """The stream, cut where a record ends: at line breaks with an even number of quotes before them."""
    rest = b""
    while content := stream.read(CHUNK):
        content = rest + content
        end = _last_record_end(content)
        if end == 0 and len(content) >= LARGEST_RECORD:
            # An odd number of quotes: the lines are read one by one, and the one with the stray quote is set aside.
            end = content.rfind(b"\n") + 1 or len(content)
        if end:
            yield content[:end]
        rest = content[end:]
    if rest:
        yield rest


def _last_record_end(content: bytes) -> int:
    quotes, end = content.count(b'"'), len(content)
    while (newline := content.rfind(b"\n", 0, end)) >= 0:
        quotes -= content.count(b'"', newline, end)
        if quotes % 2 == 0:
            return newline + 1
        end = newline
    return 0

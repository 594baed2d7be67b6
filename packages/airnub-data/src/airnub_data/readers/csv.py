"""CSV: parse chunks of whole records with polars, or line by line in Python where polars would misread them."""

import csv
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import polars as pl

from airnub_core.errors import DatasetError
from airnub_data.columns import RECORD, Schema
from airnub_data.conform import BEYOND
from airnub_data.drift import Drift
from airnub_data.readers.chunk import CHUNK, LARGEST_RECORD, Chunk, decoded, lacking
from airnub_data.readers.text import Utf8, check_encoding

if TYPE_CHECKING:
    from _csv import Reader

_LINES_OF_A_RECORD = 1000
"""Maximum number of lines of one record; a quote that stays open for longer is a stray one."""
_LARGEST_HEADER = 1 << 20
_DELIMITERS = ",;\t|"
_COMMA = r"^\s*[+-]?(?:\d{1,3}(?:[. '\x{a0}\x{202f}]\d{3})+|\d+)(?:,\d+)?(?:[eE][+-]?\d+)?\s*$"
"""Number with a decimal comma, and with points, spaces or apostrophes between groups of thousands."""


@dataclass(frozen=True, slots=True)
class Csv:
    """Reader of CSV files with a header.

    Columns are matched by the names in the header, in any order. Missing fields at the end of a line are null, lines
    without any value are skipped, and lines with more fields than the header are quarantined. Lines end with LF, CRLF
    or CR.

    >>> Csv(delimiter=";", encoding="windows-1252", decimal_comma=True).suffix
    '.csv'
    """

    delimiter: str = ","
    """Field delimiter, one character."""
    suffix: str = ".csv"
    encoding: str = "utf-8"
    """Name of a Python encoding. UTF-8, UTF-16 and UTF-32 with a byte order mark are detected."""
    quote: str | None = '"'
    """Quote character around fields with delimiters or line breaks, doubled within them; `None`: quotes have no
    meaning."""
    decimal_comma: bool = False
    """Whether numeric columns are written as `1.234,50`. A number such as `1.5` is quarantined then."""

    def __post_init__(self) -> None:
        """Validate the options.

        Raises:
            ValueError: the delimiter or the quote is not one character, or the encoding is unknown.
        """
        for what, sign in (("delimiter", self.delimiter), ("quote", self.quote)):
            if sign is not None and (len(sign) != 1 or sign in "\r\n\0"):
                raise ValueError(f"expected one character as {what}, found {sign!r}")
        if self.delimiter == self.quote:
            raise ValueError(f"expected the delimiter and the quote to differ, found {self.quote!r} as both")
        check_encoding(self.encoding)

    def read(self, dataset: str, stream: BinaryIO, schema: Schema) -> Iterator[Chunk]:
        """Yield the rows of one file; `RECORD` is the first line of a record, and the first line of the file is 1.

        Raises:
            DatasetError: the file has no header, or the header lacks a column of the schema.
        """
        header: list[str] | None = None
        line = 1
        for content, well_formed in self._chunks(Utf8(stream, self.encoding)):
            drift: list[Drift] = []
            if header is None:
                before = len(content) - len(content.lstrip(b"\r\n"))
                line += _count(content[:before])
                content = content[before:]
                if not content:
                    continue
                header, end, lines = self._header(dataset, content, schema)
                new = dict.fromkeys(name for name in header if name and name not in schema)
                drift = [Drift("new", name, line) for name in new]
                content = content[end:]
                line += lines
            if content:
                yield self._chunk(content, header, line, schema, drift, well_formed=well_formed)
                line += _count(content)
            elif drift:
                yield self._chunk(b"", header, line, schema, drift)
        if header is None:
            raise DatasetError(dataset, "expected a CSV file with a header, found an empty file")

    def _header(self, dataset: str, content: bytes, schema: Schema) -> tuple[list[str], int, int]:
        """Return the column names, the number of bytes of the header, and its number of lines."""
        lines = content[:_LARGEST_HEADER].splitlines(keepends=True)[:_LINES_OF_A_RECORD]
        if b"\0" in lines[0]:
            reason = f"expected a header in {self.encoding}, found NUL bytes; declare its encoding, such as 'utf-16-le'"
            raise DatasetError(dataset, reason)
        reader = self._python([line.decode("utf-8", "replace") for line in lines], strict=False)
        header = [name.strip() for name in next(reader, [])]
        missing = [name for name in schema if name not in header]
        if missing:
            reason = lacking(missing, header, schema, " in the header")
            other = [sign for sign in _DELIMITERS if sign != self.delimiter and sign in "".join(header)]
            if len(header) == 1 and other:
                reason += f"; declare its delimiter, such as {other[0]!r}"
            raise DatasetError(dataset, reason)
        twice = [name for name in schema if header.count(name) > 1]
        if twice:
            raise DatasetError(dataset, f"expected each column once in the header, found {', '.join(twice)} twice")
        return header, sum(map(len, lines[: reader.line_num])), reader.line_num

    def _chunk(
        self,
        content: bytes,
        header: Sequence[str],
        line: int,
        schema: Schema,
        drift: Sequence[Drift],
        *,
        well_formed: bool = False,
    ) -> Chunk:
        # Undeclared columns get unique names, since a header may repeat a name.
        names = [name if name in schema else f"undeclared:{place}" for place, name in enumerate(header)] + [BEYOND]
        if not content or not self._is_for_polars(content, well_formed=well_formed):
            if b"\n" in content or b"\0" in content or not _has_lone_returns(content) or self._quotes(content):
                return self._slowly(content, names, line, schema, drift)
            content = content.replace(b"\r", b"\n")
        try:
            rows = self._read(content, names)
        except pl.exceptions.PolarsError:
            return self._slowly(content, names, line, schema, drift)
        ends = content.count(b"\n") + (not content.endswith(b"\n"))
        if len(rows) == ends:
            rows = rows.with_columns(pl.int_range(line, line + ends, dtype=pl.Int64).alias(RECORD))
        else:
            # Fields contain line breaks: the first line of a record depends on the breaks in the records before it.
            breaks = pl.sum_horizontal(pl.col(names).str.count_matches("\n", literal=True).fill_null(0))
            before = breaks.cum_sum().shift(1, fill_value=0)
            rows = rows.with_columns((pl.int_range(line, line + pl.len(), dtype=pl.Int64) + before).alias(RECORD))
        texts = _Texts(content, line, rows[RECORD] if len(rows) != ends else None)
        # Lines without any value are skipped; undeclared columns are compared only if such a line is possible.
        if _may_be_empty(rows, [*schema, BEYOND]):
            rows = rows.filter(~pl.all_horizontal(_empty(names)))
        return self._made(rows, schema, texts, [], drift)

    def _made(
        self,
        rows: pl.DataFrame,
        schema: Schema,
        texts: "_Texts",
        refused: list[tuple[int, str]],
        drift: Sequence[Drift],
    ) -> Chunk:
        rows = rows.select(RECORD, *schema, BEYOND)
        if self.decimal_comma:
            rows = _with_points(rows, schema, refused)
        return Chunk(rows, texts, sorted(refused), drift)

    def _quotes(self, content: bytes) -> bool:
        return self.quote is not None and self.quote.encode() in content

    @property
    def _is_ascii(self) -> bool:
        return self.delimiter.isascii() and (self.quote or "").isascii()

    def _is_for_polars(self, content: bytes, *, well_formed: bool) -> bool:
        """Return whether polars reads the chunk correctly; it misreads stray quotes without an error."""
        if b"\0" in content or _has_lone_returns(content) or not self._is_ascii:
            return False
        if well_formed or not self._quotes(content):
            return True
        text = pl.Series([content.decode("utf-8", "replace")])
        return bool(text.str.contains(_well_formed(self.delimiter, self.quote or "")).item())

    def _chunks(self, stream: Utf8) -> Iterator[tuple[bytes, bool]]:
        """Yield the stream in chunks of whole records, with whether a chunk is known to have no stray quotes."""
        buffer, size = b"", CHUNK
        while True:
            # One byte more than needed distinguishes the last chunk, which is not cut.
            while len(buffer) <= size and (more := stream.read(size + 1 - len(buffer))):
                buffer += more
            if len(buffer) <= size:
                break
            content = buffer[:size]
            well_formed = False
            if not self._quotes(content):
                end = _last_line_end(content)
            elif end := self._well_formed_end(content):
                well_formed = True
            else:
                end = self._decided_end(content)
            if end == 0 and size >= LARGEST_RECORD:
                # The chunk is parsed line by line, and the line with the stray quote is quarantined.
                end = content.rfind(b"\n") + 1 or size
            if end:
                yield content[:end], well_formed
            buffer = buffer[end:]
            size = CHUNK if end else size + CHUNK
        if buffer:
            yield buffer, False

    def _well_formed_end(self, content: bytes) -> int:
        """Return the end of the last record before the first stray quote; 0 if the first record has one."""
        if not self._is_ascii:
            return 0
        text = pl.Series([content.decode("latin-1")])  # one character per byte
        rest = text.str.replace(_whole_records(self.delimiter, self.quote or ""), "")
        return len(content) - int(rest.str.len_chars().item())

    def _decided_end(self, content: bytes) -> int:
        """Return the start of the first record that later content may still end.

        The records before it are parsed line by line.
        """
        lines = _lines(content[: _last_line_end(content)])
        end = 0
        for at, position, found in self._records([line.decode("utf-8", "replace") for line in lines]):
            if isinstance(found, csv.Error) and position == len(lines) and position - at < _LINES_OF_A_RECORD:
                return sum(map(len, lines[:at]))
            end = at + 1 if isinstance(found, csv.Error) else position
        return sum(map(len, lines[:end]))

    def _read(self, content: bytes, names: Sequence[str]) -> pl.DataFrame:
        return pl.read_csv(
            content,
            has_header=False,
            schema=dict.fromkeys(names, pl.String),
            separator=self.delimiter,
            quote_char=self.quote,
            encoding="utf8-lossy",
            missing_columns="insert",
        )

    def _python(self, lines: Iterator[str] | list[str], *, strict: bool) -> "Reader":
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            quoting=csv.QUOTE_NONE if self.quote is None else csv.QUOTE_MINIMAL,
            strict=strict,
        )

    def _slowly(self, content: bytes, names: Sequence[str], line: int, schema: Schema, drift: Sequence[Drift]) -> Chunk:
        """Parse a chunk record by record, so that a stray quote invalidates only its own record."""
        text = [raw.decode("utf-8", "replace") for raw in _lines(content)]
        rows: list[tuple[int, list[str | None]]] = []
        refused: list[tuple[int, str]] = []
        starts: list[int] = []
        for at, _, fields in self._records(text):
            number = line + at
            starts.append(number)
            if isinstance(fields, csv.Error):
                refused.append((number, f"expected a line of CSV, found: {fields}"))
            elif any("\0" in field for field in fields):
                refused.append((number, "expected text, found a NUL character"))
            elif any(fields):
                rows.append((number, list(fields)))
        width = len(names) - 1
        table = [
            (number, *(fields + [None] * width)[:width], next(filter(None, fields[width:]), None))
            for number, fields in rows
        ]
        frame = pl.DataFrame(table, schema={RECORD: pl.Int64, **dict.fromkeys(names, pl.String)}, orient="row")
        texts = _Texts(content, line, pl.Series(starts, dtype=pl.Int64))
        return self._made(frame, schema, texts, refused, drift)

    def _records(self, lines: Sequence[str]) -> Iterator[tuple[int, int, list[str] | csv.Error]]:
        """Yield for each record its first line, the next unread line, both from 0 on, and its fields or an error.

        An invalid record consumes only its first line; parsing continues with the next one.
        """
        at = 0
        position = 0

        def following() -> Iterator[str]:
            nonlocal position
            while position < len(lines) and position - at < _LINES_OF_A_RECORD:
                position += 1
                yield lines[position - 1]

        csv.field_size_limit(LARGEST_RECORD)
        reader = self._python(following(), strict=True)
        while at < len(lines):
            try:
                fields = next(reader)
            except csv.Error as error:
                yield at, position, error
                at += 1
                position = at
                reader = self._python(following(), strict=True)
                continue
            yield at, position, fields
            at = position


class _Texts:
    """Raw text of records by their first lines."""

    def __init__(self, content: bytes, line: int, starts: pl.Series | None) -> None:
        self._content = content
        self._line = line
        self._starts = starts
        """First lines of the records; `None` if every line is a record."""

    def __call__(self, records: Sequence[int]) -> list[str]:
        lines = _lines(self._content)
        if self._starts is None:
            return decoded([lines[record - self._line] for record in records])
        starts = self._starts.to_list()
        ends = dict(zip(starts, [*starts[1:], self._line + len(lines)], strict=True))
        return decoded([b"".join(lines[record - self._line : ends[record] - self._line]) for record in records])


def _may_be_empty(rows: pl.DataFrame, names: Sequence[str]) -> bool:
    """Return whether a row has no value in these columns; usually the first column already rules it out."""
    empty = pl.repeat(value=True, n=len(rows), dtype=pl.Boolean, eager=True)
    for name in names:
        empty &= rows.select(_empty([name])).to_series()
        if not empty.any():
            return False
    return True


def _with_points(rows: pl.DataFrame, schema: Schema, refused: list[tuple[int, str]]) -> pl.DataFrame:
    """Replace decimal commas by points; rows with a number in a different format are refused."""
    for name, column in schema.items():
        # polars types are classes or instances; both have `is_numeric`
        if not column.dtype.is_numeric():
            continue
        value = pl.col(name)
        strange = rows.filter(value.is_not_null() & (value.str.strip_chars() != "") & ~value.str.contains(_COMMA))
        refused.extend(
            (record, f"{name}: expected a number with a decimal comma, found {found}")
            for record, found in strange.select(RECORD, name).iter_rows()
        )
        rows = rows.filter(~pl.col(RECORD).is_in(strange[RECORD].implode())) if len(strange) else rows
        rows = rows.with_columns(
            value.str.replace_all(r"[. '\x{a0}\x{202f}]", "").str.replace(",", ".", literal=True).alias(name)
        )
    return rows


@functools.lru_cache(maxsize=16)
def _well_formed(delimiter: str, quote: str) -> str:
    """Return a pattern of text with quotes only around fields, doubled within them, or inside of unquoted fields."""
    d, field = _patterns(delimiter, quote)
    return rf"\A(?:{field}(?:{d}|\r?\n))*{field}\z"


@functools.lru_cache(maxsize=16)
def _whole_records(delimiter: str, quote: str) -> str:
    """Return a pattern of as many whole records of such text as possible."""
    d, field = _patterns(delimiter, quote)
    return rf"\A(?:(?:{field}{d})*{field}\r?\n)*"


def _patterns(delimiter: str, quote: str) -> tuple[str, str]:
    """Return the patterns of a delimiter and of a field."""
    d, q = (f"\\x{{{ord(sign):x}}}" for sign in (delimiter, quote))
    return d, rf"(?:{q}(?:[^{q}]|{q}{q})*{q}|[^{q}{d}\r\n][^{d}\r\n]*|)"


def _empty(names: Sequence[str]) -> pl.Expr:
    return pl.col(names).is_null() | (pl.col(names) == "")


def _lines(content: bytes) -> list[bytes]:
    """Split at LF, CRLF and CR only: a record may contain any other character that `str.splitlines` splits at."""
    return content.splitlines(keepends=True)


def _count(content: bytes) -> int:
    """Return the number of line ends in a chunk."""
    if b"\r" not in content:
        return content.count(b"\n")
    return content.count(b"\n") + content.count(b"\r") - content.count(b"\r\n")


def _has_lone_returns(content: bytes) -> bool:
    return b"\r" in content and content.count(b"\r") != content.count(b"\r\n")


def _last_line_end(content: bytes) -> int:
    # A CR at the very end may be the first half of CRLF.
    end = len(content) - content.endswith(b"\r")
    return max(content.rfind(b"\n", 0, end), content.rfind(b"\r", 0, end)) + 1

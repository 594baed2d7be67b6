"""JSON Lines: read chunks with polars, and retry a rejected chunk without the lines that are not records."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Protocol

import orjson
import polars as pl

from airnub_core.errors import DatasetError
from airnub_data.columns import RECORD, DataType, Schema, text_type
from airnub_data.drift import Drift
from airnub_data.readers.chunk import CHUNK, LARGEST_RECORD, Chunk, decoded
from airnub_data.readers.text import Utf8, check_encoding

Shape = Mapping[str, Any]
"""Expected shape of a record: by field, the type of its value or the shape within it."""
Check = Callable[[Any, str], str | None]
"""Takes a value and its path, and returns why the value is invalid, or `None` if it is valid."""
_LOOKED_AT = 128 * 1024
"""Bytes at the start of a chunk whose records are all searched for undeclared fields; of the rest about `_SAMPLES` are.
To search all of them would take a third of the processor time of reading."""
_SAMPLES = 400


@dataclass(frozen=True, slots=True)
class JsonLines:
    """Reader of files with one JSON object per line; empty lines are skipped.

    A column is the field of its name, or the value at a dotted path: `JsonLines({"customer": "customer.name"})`; a
    numeric step is an index into a list, from 0 on. A missing field is null. Numbers in text columns are formatted as
    in JavaScript: 1.50 becomes `1.5`. Of duplicate fields in an object the first one is read.
    """

    paths: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ".jsonl"
    encoding: str = "utf-8"
    """Name of a Python encoding. UTF-8, UTF-16 and UTF-32 with a byte order mark are detected."""

    def __post_init__(self) -> None:
        """Validate the options.

        Raises:
            ValueError: the encoding is unknown.
        """
        check_encoding(self.encoding)

    def read(self, dataset: str, stream: BinaryIO, schema: Schema) -> Iterator[Chunk]:
        """Yield the records of one file; `RECORD` is the line number, from 1 on.

        Raises:
            DatasetError: the path of a column is invalid, a line is larger than 64 MiB, or a non-nullable column is
                missing from all records.
        """
        yield from read_lines(dataset, Utf8(stream, self.encoding), schema, self.paths)


class Lines(Protocol):
    """Stream of lines in UTF-8, each with one JSON object."""

    def read(self, size: int) -> bytes:
        """Read about `size` bytes; empty at the end."""
        ...


def read_lines(dataset: str, stream: Lines, schema: Schema, paths: Mapping[str, str]) -> Iterator[Chunk]:
    """Yield the records of a stream of JSON Lines; `RECORD` is the line number, from 1 on.

    Raises:
        DatasetError: as for `JsonLines.read`.
    """
    steps = {name: tuple(paths.get(name, name).split(".")) for name in schema}
    shape = _shape(dataset, steps, {name: column.dtype for name, column in schema.items()})
    fields = _Fields(shape, steps)
    first, count, rows = 1, 0, None
    for content in _chunks(dataset, stream):
        chunk = _chunk(content, first, steps, shape)
        count += len(chunk.rows)
        rows = chunk.rows.clear()
        yield replace(chunk, drift=fields.new(content, first, chunk.rows))
        first += content.count(b"\n")
    if rows is None or not count:
        return
    required = [name for name in fields.absent if not schema[name].nullable]
    if required:
        raise DatasetError(
            dataset,
            f"expected the fields {', '.join('.'.join(steps[name]) for name in required)} in its records, found none "
            f"of {count:,} that has them; the fields are {', '.join(fields.found) or 'none'}",
        )
    missing = [Drift("missing", ".".join(steps[name]), 0) for name in fields.absent]
    if missing:
        yield Chunk(rows, lambda _records: [], drift=missing)


class _Fields:
    """Tracks which fields the records of an object have."""

    def __init__(self, shape: Shape, paths: Mapping[str, tuple[str, ...]]) -> None:
        self._shape = shape
        self._paths = paths
        self.absent = list(paths)
        """Columns that no record has had so far."""
        self.found: dict[str, None] = {}
        """Dotted paths of fields, in the order of their first occurrence."""
        self._known = set(_fields_of(shape, ""))

    def new(self, content: bytes, first: int, rows: pl.DataFrame) -> list[Drift]:
        """Return undeclared fields that were not seen before, in a chunk that starts at line `first`."""
        self.absent = [name for name in self.absent if rows[name].null_count() == len(rows)]
        end = len(content) if len(content) <= _LOOKED_AT else content.rfind(b"\n", 0, _LOOKED_AT) + 1
        lines = content[:end].split(b"\n")
        looked_at = list(enumerate(lines, first))
        number, at, step = first + len(lines) - 1, end, (len(content) - end) // _SAMPLES + 1
        while at < len(content):
            stop = content.find(b"\n", at)
            looked_at.append((number, content[at : stop if stop >= 0 else len(content)]))
            following = content.find(b"\n", at + step) + 1 or len(content)
            number += content.count(b"\n", at, following)
            at = following
        new = []
        for number, line in looked_at:
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue  # an empty line, or one that is quarantined
            if not isinstance(record, dict):
                continue
            for path in _seen(record, self._shape, ""):
                if path in self.found:
                    continue
                self.found[path] = None
                if path not in self._known:
                    new.append(Drift("new", path, number))
            if self.absent:
                self.absent = [name for name in self.absent if not _has(record, self._paths[name])]
        return new


def _fields_of(shape: Shape, prefix: str) -> Iterator[str]:
    for name, wanted in shape.items():
        yield f"{prefix}{name}"
        if isinstance(wanted, Mapping) and not _is_list(wanted):
            yield from _fields_of(wanted, f"{prefix}{name}.")


def _seen(record: Mapping[str, Any], shape: Shape, prefix: str) -> Iterator[str]:
    """Yield the dotted paths of fields, including fields of objects that declared paths lead into."""
    for name, value in record.items():
        wanted = shape.get(name)
        if isinstance(wanted, Mapping) and isinstance(value, dict) and not _is_list(wanted):
            yield from _seen(value, wanted, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _has(value: Any, path: Sequence[str]) -> bool:
    """Return whether a record has a field; a list counts as having every index, however short it is."""
    for step in path:
        if step.isdecimal():
            return isinstance(value, list)
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return True


def _chunks(dataset: str, stream: Lines) -> Iterator[bytes]:
    rest = b""
    while content := stream.read(CHUNK):
        content = rest + content
        end = content.rfind(b"\n") + 1
        if end == 0 and len(content) > LARGEST_RECORD:
            raise DatasetError(dataset, f"expected lines of at most {LARGEST_RECORD:,} bytes, found a longer one")
        if end:
            yield content[:end]
        rest = content[end:]
    if rest:
        yield rest


def _chunk(content: bytes, first: int, paths: Mapping[str, tuple[str, ...]], shape: Shape) -> Chunk:
    count = content.count(b"\n") + (not content.endswith(b"\n"))
    texts = _Texts(content, first)
    try:
        records = _read(content, shape)
        if len(records) == count and not _is_doubtful(content):
            numbers = pl.int_range(first, first + count, dtype=pl.Int64, eager=True)
            return Chunk(_rows(records, numbers, paths), texts)
    except pl.exceptions.PolarsError:
        pass  # parsed line by line below, so that only invalid lines are quarantined
    lines = content.split(b"\n")
    kept: list[int] = []
    refused: list[tuple[int, str]] = []
    fields = {name: check for name, wanted in shape.items() if (check := _check(_type(wanted))) is not None}
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        reason = _misfit(line, fields)
        if reason is None:
            kept.append(number)
        else:
            refused.append((first + number, reason))
    frames: list[pl.DataFrame] = []
    for part, read in _readable(lines, kept, shape):
        if isinstance(read, str):
            refused.append((first + part[0], read))
        else:
            frames.append(_rows(read, pl.Series([first + number for number in part], dtype=pl.Int64), paths))
    if not frames:
        empty = _read(b"", shape)
        frames = [_rows(empty, pl.Series([], dtype=pl.Int64), paths)]
    return Chunk(pl.concat(frames), texts, sorted(refused))


def _is_doubtful(content: bytes) -> bool:
    """Return whether polars may have misread a chunk.

    An empty line yields no record and so hides a line with two; half of a surrogate pair becomes a NUL character.
    """
    return (
        content.startswith((b"\n", b"\r\n"))
        or b"\n\n" in content
        or (b"\r" in content and b"\n\r\n" in content)
        or (b"\\" in content and (b"\\ud" in content or b"\\uD" in content))
    )


def _read(content: bytes, shape: Shape) -> pl.DataFrame:
    schema = {name: _type(wanted) for name, wanted in shape.items()}
    if not content.strip():
        return pl.DataFrame(schema=schema)
    return pl.read_ndjson(content, schema=schema)


def _readable(
    lines: Sequence[bytes], numbers: Sequence[int], shape: Shape
) -> Iterator[tuple[Sequence[int], pl.DataFrame | str]]:
    """Yield parts of the lines with their parsed records, and single lines that polars rejects with the reason."""
    if not numbers:
        return
    records = None
    reason = "expected one JSON object in a line"
    try:
        records = _read(b"\n".join(lines[number] for number in numbers), shape)
    except pl.exceptions.PolarsError as error:
        reason = f"expected a JSON object, found: {str(error).partition(chr(10))[0]}"
    if records is not None and len(records) == len(numbers):
        yield numbers, records
    elif len(numbers) == 1:
        yield numbers, reason
    else:
        half = len(numbers) // 2
        yield from _readable(lines, numbers[:half], shape)
        yield from _readable(lines, numbers[half:], shape)


def _rows(records: pl.DataFrame, numbers: pl.Series, paths: Mapping[str, tuple[str, ...]]) -> pl.DataFrame:
    columns = []
    for name, (field_name, *steps) in paths.items():
        value = pl.col(field_name)
        for step in steps:
            value = value.list.get(int(step), null_on_oob=True) if step.isdecimal() else value.struct.field(step)
        columns.append(value.alias(name))
    return records.select(columns).with_columns(numbers.alias(RECORD))


def _shape(dataset: str, paths: Mapping[str, tuple[str, ...]], types: Mapping[str, DataType]) -> Shape:
    shape: dict[str, Any] = {}
    for name, (first, *steps) in paths.items():
        path = ".".join((first, *steps))
        if not first or first.isdecimal() or not all(steps):
            raise DatasetError(dataset, f"expected a dotted path that begins with a field for {name}, found '{path}'")
        inside, step = shape, first
        for following in steps:
            inside = inside.setdefault(step, {})
            if not isinstance(inside, dict) or any(key.isdecimal() != following.isdecimal() for key in inside):
                raise DatasetError(dataset, f"expected paths that fit together, found {path} and a value at '{step}'")
            step = following
        if isinstance(inside.get(step), dict):
            raise DatasetError(dataset, f"expected paths that fit together, found {path} and fields within it")
        inside[step] = text_type(types[name])
    return shape


def _type(wanted: Any) -> pl.DataType:
    if not isinstance(wanted, Mapping):
        return wanted  # type: ignore[no-any-return]
    if _is_list(wanted):
        # All entries of a list have one type: that of the first path into it.
        return pl.List(_type(next(iter(wanted.values()))))
    return pl.Struct([pl.Field(name, _type(within)) for name, within in wanted.items()])


def _is_list(wanted: Shape) -> bool:
    return all(step.isdecimal() for step in wanted)


def _misfit(line: bytes, fields: Mapping[str, Check]) -> str | None:
    """Return why a line is not a valid record, or `None` if it is valid."""
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return f"expected JSON, found: {error}"
    if not isinstance(record, dict):
        return f"expected a JSON object, found {_kind(record)}"
    return _misfit_within(record, fields, "")


def _misfit_within(value: Mapping[str, Any], fields: Mapping[str, Check], path: str) -> str | None:
    for name, check in fields.items():
        found = value.get(name)
        if found is not None and (reason := check(found, f"{path}{name}")) is not None:
            return reason
    return None


def _check(dtype: DataType) -> Check | None:
    """Build the check of a type once for all records; `None` if any value is valid, as for text."""
    if isinstance(dtype, pl.List):
        entry = _check(dtype.inner)

        def check_list(found: Any, path: str) -> str | None:
            if not isinstance(found, list):
                return f"{path}: expected a list, found {_kind(found)}"
            if entry is None:
                return None
            reasons = (entry(one, f"{path}.{at}") for at, one in enumerate(found) if one is not None)
            return next((reason for reason in reasons if reason is not None), None)

        return check_list
    if isinstance(dtype, pl.Struct):
        checks = {one.name: check for one in dtype.fields if (check := _check(one.dtype)) is not None}

        def check_object(found: Any, path: str) -> str | None:
            if not isinstance(found, dict):
                return f"{path}: expected an object, found {_kind(found)}"
            return _misfit_within(found, checks, f"{path}.")

        return check_object
    return None


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else repr(value)[:40]


class _Texts:
    """Raw text of records by their lines."""

    def __init__(self, content: bytes, first: int) -> None:
        self._content = content
        self._first = first

    def __call__(self, records: Sequence[int]) -> list[str]:
        lines = self._content.split(b"\n")
        return decoded([lines[record - self._first] for record in records])

"""JSON: stream the records of an array, and parse them as JSON Lines."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from airnub_core.errors import DatasetError
from airnub_data.columns import Schema
from airnub_data.readers.chunk import CHUNK, LARGEST_RECORD, Chunk
from airnub_data.readers.json_lines import read_lines
from airnub_data.readers.text import Utf8, check_encoding

_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = frozenset("0123456789+-.eE")


@dataclass(frozen=True, slots=True)
class Json:
    """Reader of files with one JSON document that contains an array of objects.

    The array is the document itself, or the value at a dotted path: `Json(records="data.items")`. Without `records`, a
    document that is a single object is one record. Columns are matched as by `JsonLines`. A document that is truncated
    or not JSON fails as a whole, since the start of its next record is unknown.
    """

    paths: Mapping[str, str] = field(default_factory=dict)
    records: str = ""
    """Dotted path of the array; empty: the document itself."""
    suffix: str = ".json"
    encoding: str = "utf-8"
    """Name of a Python encoding. UTF-8, UTF-16 and UTF-32 with a byte order mark are detected."""

    def __post_init__(self) -> None:
        """Validate the options.

        Raises:
            ValueError: the encoding is unknown.
        """
        check_encoding(self.encoding)

    def read(self, dataset: str, stream: BinaryIO, schema: Schema) -> Iterator[Chunk]:
        """Yield the records of one file; `RECORD` is the number of a record in the array, from 1 on.

        Raises:
            DatasetError: the document is not JSON or does not contain the array; or as for `JsonLines.read`.
        """
        document = _Document(dataset, Utf8(stream, self.encoding))
        steps = self.records.split(".") if self.records else []
        yield from read_lines(dataset, _Lines(document.records(steps, ())), schema, self.paths)


class _Lines:
    """Adapts records to a stream of lines."""

    def __init__(self, records: Iterator[str]) -> None:
        self._records = records

    def read(self, size: int) -> bytes:
        lines = []
        read = 0
        for record in self._records:
            # JSON strings contain no raw line breaks, so these are white space between tokens.
            lines.append(record.replace("\n", " ").replace("\r", " "))
            read += len(record)
            if read >= size:
                break
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")


class _Document:
    """Streaming parser of a JSON document; only the part being parsed is in memory."""

    def __init__(self, dataset: str, stream: Utf8) -> None:
        self._dataset = dataset
        self._stream = stream
        self._text = ""
        self._at = 0
        self._line = 1
        self._rest = b""
        self._ended = False
        self._decoder = json.JSONDecoder()

    def records(self, steps: list[str], path: tuple[str, ...]) -> Iterator[str]:
        """Yield the text of each entry of the array at `steps`, relative to the current value at `path`."""
        sign = self._peek()
        if steps:
            yield from self._within(steps, path)
        elif sign == "[":
            self._at += 1
            yield from self._entries()
        elif sign == "{" and not path:
            yield self._value()
        else:
            raise self._error(f"an array{_named(path)}")
        if not path and (sign := self._peek()):
            raise self._error("the end of the document")

    def _entries(self) -> Iterator[str]:
        if self._took("]"):
            return
        while True:
            yield self._value()
            if self._took("]"):
                return
            if not self._took(","):
                raise self._error("a comma or the end of the array")

    def _within(self, steps: list[str], path: tuple[str, ...]) -> Iterator[str]:
        if not self._took("{"):
            raise self._error(f"an object with the field {steps[0]}{_named(path)}")
        names: list[str] = []
        found = False
        while not self._took("}"):
            if names and not self._took(","):
                raise self._error("a comma or the end of the object")
            if self._peek() != '"':
                raise self._error("the name of a field")
            names.append(json.loads(self._value()))
            if not self._took(":"):
                raise self._error("a colon")
            if names[-1] == steps[0] and not found:
                found = True
                yield from self.records(steps[1:], (*path, steps[0]))
            else:
                self._value()
        if not found:
            reason = f"expected the field {'.'.join((*path, steps[0]))}, found {', '.join(names) or 'no fields'}"
            raise DatasetError(self._dataset, reason)

    def _took(self, sign: str) -> bool:
        taken = self._peek() == sign
        self._at += taken
        return taken

    def _peek(self) -> str:
        """Skip white space, and return the next character; empty at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            assert found is not None, "the pattern also matches an empty text"
            self._at = found.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                return ""

    def _value(self) -> str:
        """Return the text of the next value."""
        self._peek()
        while True:
            try:
                _, end = self._decoder.raw_decode(self._text, self._at)
            except RecursionError as error:
                raise self._error("values that are not nested so deeply") from error
            except json.JSONDecodeError as error:
                if len(self._text) - self._at > LARGEST_RECORD or not self._fill():
                    self._at = max(self._at, min(error.pos, len(self._text)))
                    raise self._error(f"JSON ({error.msg})") from error
                continue
            # The number may continue in the next piece.
            if end == len(self._text) and self._text[end - 1] in _NUMBER and self._fill():
                continue
            text = self._text[self._at : end]
            self._at = end
            return text

    def _fill(self) -> bool:
        """Read the next piece; return `False` at the end."""
        if self._ended:
            return False
        content = self._rest + self._stream.read(CHUNK)
        self._ended = len(content) == len(self._rest)
        # A multi-byte character must not be split between pieces.
        end = len(content)
        if not self._ended:
            while end and end > len(content) - 4 and content[end - 1] & 0xC0 == 0x80:
                end -= 1
            if end and content[end - 1] >= 0xC0:
                end -= 1
            else:
                end = len(content)
        self._rest = content[end:]
        self._line += self._text.count("\n", 0, self._at)
        self._text = self._text[self._at :] + content[:end].decode("utf-8", "replace")
        self._at = 0
        return not self._ended or bool(content)

    def _error(self, expected: str) -> DatasetError:
        line = self._line + self._text.count("\n", 0, self._at)
        found = repr(self._text[self._at : self._at + 20]) if self._peek() else "the end of the file"
        return DatasetError(self._dataset, f"line {line:,}: expected {expected}, found {found}")


def _named(path: tuple[str, ...]) -> str:
    return f" at {'.'.join(path)}" if path else ""

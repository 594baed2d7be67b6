"""Text: decode any encoding to UTF-8, piece by piece."""

import codecs
from typing import BinaryIO

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is a prefix of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Utf8:
    """Adapts a stream of text to UTF-8 without a byte order mark; bytes that cannot be decoded become U+FFFD."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        """Wrap `stream`; a byte order mark at its beginning takes precedence over `encoding`."""
        start = b""
        while len(start) < 4 and (more := stream.read(4 - len(start))):
            start += more
        mark, encoding = next(((mark, name) for mark, name in _MARKS if start.startswith(mark)), (b"", encoding))
        self._stream = stream
        self._start = start[len(mark) :]
        is_utf_8 = codecs.lookup(encoding).name == "utf-8"
        self._decoder = None if is_utf_8 else codecs.getincrementaldecoder(encoding)("replace")

    def read(self, size: int) -> bytes:
        """Read about `size` bytes; empty at the end."""
        content = self._start + self._stream.read(size)
        self._start = b""
        if self._decoder is None:
            return content
        while content:
            text = self._decoder.decode(content)
            if text:
                return text.encode("utf-8", "replace")
            content = self._stream.read(size)
        return self._decoder.decode(b"", final=True).encode("utf-8", "replace")


def check_encoding(encoding: str) -> None:
    """Verify that Python knows a text encoding of this name.

    Raises:
        ValueError: the encoding is unknown.
    """
    try:
        "".encode(encoding)
    except LookupError as error:
        raise ValueError(f"expected an encoding such as 'utf-8' or 'windows-1252', found {encoding!r}") from error

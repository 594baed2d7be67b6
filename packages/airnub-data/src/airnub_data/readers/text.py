"""Text: convert any encoding to UTF-8, a piece at a time."""

import codecs
from typing import BinaryIO

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins as UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Utf8:
    """A stream of text as UTF-8, without a byte order mark; bytes that cannot be decoded become U+FFFD."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        """Read `stream`; a byte order mark at its beginning counts more than `encoding`."""
        start = b""
        while len(start) < 4 and (more := stream.read(4 - len(start))):
            start += more
        mark, encoding = next(((mark, name) for mark, name in _MARKS if start.startswith(mark)), (b"", encoding))
        self._stream = stream
        self._start = start[len(mark) :]
        is_utf_8 = codecs.lookup(encoding).name == "utf-8"
        self._decoder = None if is_utf_8 else codecs.getincrementaldecoder(encoding)("replace")

    def read(self, size: int) -> bytes:
        """About `size` bytes, none at the end."""
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
    """Raises:
    ValueError: Python does not know this encoding of text.
    """
    try:
        "".encode(encoding)
    except LookupError as error:
        raise ValueError(f"expected an encoding such as 'utf-8' or 'windows-1252', found {encoding!r}") from error

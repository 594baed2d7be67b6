"""Headers: those of a source as they can be sent, those of an answer as they are read."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from airnub_core.errors import RefusedHeaderError

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_NUMBER = re.compile(r"[0-9]{1,18}")  # no size has more digits, and Python converts no number of very many


def sendable(url: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a source; space and line ends around a secret come from the file that it was kept in.

    Raises:
        RefusedHeaderError: one holds what HTTP cannot send.
    """
    stripped = {name: value.strip() for name, value in headers.items()}
    for name, value in stripped.items():
        if not (_NAME.fullmatch(name) and is_visible(value)):
            raise RefusedHeaderError(url, name)
    return stripped


def is_visible(text: str) -> bool:
    """Whether it can be sent in a header: ASCII without control characters."""
    return text.isascii() and text.isprintable()


def number_in(text: str) -> int | None:
    """A whole number as HTTP writes it; `None` for all else, and for one that is larger than any size."""
    return int(text) if _NUMBER.fullmatch(text) else None


def length_in(headers: Mapping[str, str]) -> int | None:
    """Bytes that the headers of an answer promise, names in lower case; `None` where they say nothing to be read."""
    return number_in(headers.get("content-length", ""))


def read_headers(lines: Iterable[bytes]) -> dict[str, str]:
    """The headers in the lines of an answer, names in lower case; those of one name are joined (RFC 9110, 5.3)."""
    headers: dict[str, str] = {}
    for line in lines:
        name, value = _read(line)
        if name in headers:
            headers[name] += f", {value}"
        elif name:
            headers[name] = value
    return headers


@lru_cache(1024)
def _read(line: bytes) -> tuple[str, str]:
    """Most lines of a server's answers are those of its last answer."""
    name, colon, raw = line.partition(b":")
    return (name.decode("latin-1").lower(), _decoded(raw.strip())) if colon else ("", "")


def _decoded(value: bytes) -> str:
    """Text in UTF-8, as many servers write it, or else in Latin-1, as the standard had it."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")

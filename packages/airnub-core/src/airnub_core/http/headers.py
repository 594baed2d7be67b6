"""Headers: those of a source as they can be sent; those of an answer as they are read, and the file name in them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from airnub_core.errors import RefusedHeaderError

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_NUMBER = re.compile(r"[0-9]{1,18}")  # no size has more digits, and Python converts no number of very many

_STATUS_LINE = re.compile(rb"HTTP/[0-9.]+ +([0-9]{3})\s")
_LINE_END = b"\r\n"
_LINE_ENDS = {_LINE_END, b"\n"}


class Head(NamedTuple):
    """Where the header lines of an answer are among those that came."""

    status: int
    """0 where there is none."""
    start: int
    """Of the status line."""
    end: int
    """Behind the last header line."""
    interim: int
    """How many interim answers (1xx) came before."""


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


def find_head(lines: list[bytes]) -> Head:
    """The last status line and its headers: interim answers (1xx) have blocks of their own, and behind an empty body
    its trailers are among the lines already.
    """
    # Nearly always there is one block, and it ends with the last line.
    if lines and lines.count(_LINE_END) == 1 and lines[-1] == _LINE_END and (status := _status_in(lines[0])):
        return Head(status, 0, len(lines) - 1, 0)
    head, interim = Head(0, 0, 0, 0), 0
    for start, end in _blocks(lines):
        # A header may look like a status line, but does not begin a block.
        if status := _status_in(lines[start]):
            head = Head(status, start, end, interim)
            interim += status < HTTPStatus.OK
    return head._replace(interim=interim)


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


def _blocks(lines: list[bytes]) -> Iterator[tuple[int, int]]:
    """Where blocks of header lines begin, and where the empty lines behind them are; the last one may have none."""
    start = 0
    for place, line in enumerate(lines):
        if line in _LINE_ENDS:
            yield start, place
            start = place + 1
    if start < len(lines):
        yield start, len(lines)


@lru_cache(64)
def _status_in(line: bytes) -> int:
    match = _STATUS_LINE.match(line)
    return 0 if match is None else int(match.group(1))


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


# filename*=charset'language'percent-encoded (RFC 5987), filename="quoted", filename=token.
_EXTENDED = re.compile(r"(?:^|;)\s*filename\*\s*=\s*\"?([\w!#$%&+^`{}~.-]*)'[^']*'([^;\"\s]*)", re.IGNORECASE)
_EXTENDED_NAME = re.compile(r"(?:^|;)\s*filename\*\s*=", re.IGNORECASE)
_QUOTED = re.compile(r'(?:^|;)\s*filename\s*=\s*"((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_TOKEN = re.compile(r"(?:^|;)\s*filename\s*=\s*([^;\"]+)", re.IGNORECASE)
_QUOTED_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_CHARSETS = {"utf-8", "iso-8859-1"}  # those of RFC 5987 (3.2.1); Python's codecs know many that are no text
_MAX_CHARACTERS = 8192


def file_name_of(header: str) -> str | None:
    """The name that a Content-Disposition suggests, `None` where it has none to be read. Hostile until made safe.

    `filename*` wins over `filename`, as RFC 6266 (4.3) asks. Servers that write raw UTF-8 are understood too.
    """
    # No name needs more, and the time that is spent on unclosed quotes grows with the square.
    header = header[:_MAX_CHARACTERS]
    # A quoted string of another parameter may hold what looks like a file name.
    blanked = _QUOTED_STRING.sub(lambda match: '"' + "_" * (len(match.group()) - 2) + '"', header)
    if (place := _EXTENDED_NAME.search(blanked)) and (extended := _EXTENDED.match(header, place.start())):
        charset, encoded = extended.groups()
        with suppress(UnicodeDecodeError):
            if charset.lower() in _CHARSETS and (name := unquote_to_bytes(encoded).decode(charset)):
                return name
    if (place := _QUOTED.search(blanked)) and (quoted := _QUOTED.match(header, place.start())):
        return _as_utf8(re.sub(r"\\(.)", r"\1", quoted.group(1))) or None
    if token := _TOKEN.search(blanked):
        return _as_utf8(token.group(1).strip()) or None
    return None


def original_name(headers: Mapping[str, str], final_url: str) -> str:
    """What the server calls a file, else the end of its URL. It is hostile until made safe."""
    header = headers.get("content-disposition")
    named = file_name_of(header) if header else None
    # In a URL without these nothing but its path can follow the last slash.
    plain = not ("?" in final_url or "#" in final_url or ";" in final_url) and final_url.count("/") > 2
    last = (final_url if plain else urlsplit(final_url).path).rpartition("/")[2]
    return named or unquote(last) or "index"


def _as_utf8(name: str) -> str:
    """HTTP libraries read headers as Latin-1; many servers write UTF-8."""
    try:
        return name.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return name

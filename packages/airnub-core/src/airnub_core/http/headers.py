"""Headers: validate request headers, parse response headers, and read the file name from Content-Disposition."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from airnub_core.errors import RefusedHeaderError

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_NUMBER = re.compile(r"[0-9]{1,18}")  # no size has more digits; Python rejects very long ones

_STATUS_LINE = re.compile(rb"HTTP/[0-9.]+ +([0-9]{3})\s")
_LINE_END = b"\r\n"
_LINE_ENDS = {_LINE_END, b"\n"}


class Head(NamedTuple):
    """Position of the final response's header block among all header lines received."""

    status: int
    """The status code; 0 if no status line was received."""
    start: int
    """Index of the status line."""
    end: int
    """Index after the last header line."""
    interim: int
    """Number of interim responses (1xx) before it."""


def sendable(url: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Validate the request headers of a source, and strip whitespace around their values.

    Secrets read from files often end with a line break.

    Raises:
        RefusedHeaderError: a name or value has characters that HTTP does not allow.
    """
    stripped = {name: value.strip() for name, value in headers.items()}
    for name, value in stripped.items():
        if not (_NAME.fullmatch(name) and is_visible(value)):
            raise RefusedHeaderError(url, name)
    return stripped


def is_visible(text: str) -> bool:
    """Whether a text is allowed in a header value: ASCII without control characters."""
    return text.isascii() and text.isprintable()


def number_in(text: str) -> int | None:
    """Parse a decimal integer as HTTP writes it; `None` if it is not one, or has more than 18 digits."""
    return int(text) if _NUMBER.fullmatch(text) else None


def length_in(headers: Mapping[str, str]) -> int | None:
    """Content-Length in bytes, from headers with lower-case names; `None` if absent or invalid."""
    return number_in(headers.get("content-length", ""))


def find_head(lines: list[bytes]) -> Head:
    """Find the final response's header block among the header lines received.

    Interim responses (1xx) have their own blocks before it; the trailers of an empty body may follow it.
    """
    # Fast path: nearly always there is one block, and it ends with the last line.
    if lines and lines.count(_LINE_END) == 1 and lines[-1] == _LINE_END and (status := _status_in(lines[0])):
        return Head(status, 0, len(lines) - 1, 0)
    head, interim = Head(0, 0, 0, 0), 0
    for start, end in _blocks(lines):
        # A header line may look like a status line, but only the first line of a block is one.
        if status := _status_in(lines[start]):
            head = Head(status, start, end, interim)
            interim += status < HTTPStatus.OK
    return head._replace(interim=interim)


def read_headers(lines: Iterable[bytes]) -> dict[str, str]:
    """Parse header lines: names in lower case, repeated headers joined with commas (RFC 9110, 5.3)."""
    headers: dict[str, str] = {}
    for line in lines:
        name, value = _read(line)
        if name in headers:
            headers[name] += f", {value}"
        elif name:
            headers[name] = value
    return headers


def _blocks(lines: list[bytes]) -> Iterator[tuple[int, int]]:
    """Yield start and end index of each block of header lines; the empty line after the last block may be missing."""
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
    """Parse a header line; cached, since responses of one server repeat most of their header lines."""
    name, colon, raw = line.partition(b":")
    return (name.decode("latin-1").lower(), _decoded(raw.strip())) if colon else ("", "")


def _decoded(value: bytes) -> str:
    """Decode a header value as UTF-8, which many servers send, or else as Latin-1, the encoding of older standards."""
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
_CHARSETS = {"utf-8", "iso-8859-1"}  # RFC 5987 (3.2.1); Python has codecs that are not text encodings
_MAX_CHARACTERS = 8192


def file_name_of(header: str) -> str | None:
    """The file name in a Content-Disposition header; `None` if it has none or an invalid one.

    `filename*` takes precedence over `filename` (RFC 6266, 4.3). Raw UTF-8 is accepted too. The name is untrusted.
    """
    # No file name is longer, and the regular expressions take quadratic time on unclosed quotes.
    header = header[:_MAX_CHARACTERS]
    # A quoted value of a different parameter may contain text that looks like a file name.
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
    """The file name in the headers, else the last segment of the URL's path, else `index`. The name is untrusted."""
    header = headers.get("content-disposition")
    named = file_name_of(header) if header else None
    # Without these characters only the path can follow the last slash, so the URL needs no parser.
    plain = not ("?" in final_url or "#" in final_url or ";" in final_url) and final_url.count("/") > 2
    last = (final_url if plain else urlsplit(final_url).path).rpartition("/")[2]
    return named or unquote(last) or "index"


def _as_utf8(name: str) -> str:
    """Decode a name as UTF-8 that was decoded as Latin-1; unchanged if it is not valid UTF-8."""
    try:
        return name.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return name

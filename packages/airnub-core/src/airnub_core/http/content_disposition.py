"""Content-Disposition: the file name that a server suggests (RFC 6266), in each of the forms that servers send."""

import re
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import unquote, unquote_to_bytes, urlsplit

# filename*=charset'language'percent-encoded (RFC 5987), filename="quoted", filename=token.
_EXTENDED = re.compile(r"(?:^|;)\s*filename\*\s*=\s*\"?([\w!#$%&+^`{}~.-]*)'[^']*'([^;\"\s]*)", re.IGNORECASE)
_EXTENDED_NAME = re.compile(r"(?:^|;)\s*filename\*\s*=", re.IGNORECASE)
_QUOTED = re.compile(r'(?:^|;)\s*filename\s*=\s*"((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_TOKEN = re.compile(r"(?:^|;)\s*filename\s*=\s*([^;\"]+)", re.IGNORECASE)
_QUOTED_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_CHARSETS = {"utf-8", "iso-8859-1"}  # those of RFC 5987 (3.2.1); Python's codecs know many that are no text
_MAX_CHARACTERS = 8192


def file_name_of(header: str | None) -> str | None:
    """The suggested name, or `None` where there is none to be read. It is hostile until made safe.

    `filename*` wins over `filename`, as RFC 6266 (4.3) asks. Servers that write raw UTF-8 are understood too.
    """
    if not header:
        return None
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
    named = file_name_of(headers.get("content-disposition"))
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

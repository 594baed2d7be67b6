"""URLs: which are refused by their form, and how the others are parsed. Refused are

- a scheme other than http and https, and a URL without a host
- a port other than 1 to 65535; all of these are allowed
- a host that is neither an IP address nor a `HOST_NAME`
- control characters, half a surrogate pair, and more than 65,536 characters
- in settings, whitespace (`check_url`)

`ssrf` refuses hosts and addresses, `robots` paths by robots.txt, and `redirects` sends no body to a different origin.

URLs are parsed by the URL Standard of browsers (WHATWG), with the parser ada. Plain URLs, which are nearly all, are
matched by a regular expression instead.
"""

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from airnub_common import redact_url
from airnub_core.errors import RefusedUrlError
from airnub_core.http.ssrf import literal_address

WITH_HOST = "an http or https URL with a host"
WITH_PORT = "an http or https URL with a port from 1 to 65535"
_LONGEST_HOST = 254
HOST_NAME = re.compile(rf"(?=.{{1,{_LONGEST_HOST}}}$)([a-z0-9_-]{{1,63}}\.)*[a-z0-9_-]{{1,63}}\.?")
"""A valid host name (RFC 1035, 2.3.4), with underscores, which are in use."""
_PORTS = {"http": 80, "https": 443}
_PATH = r"[A-Za-z0-9._~!$&'()*+,;=:@/-]"
_QUERY = r"[A-Za-z0-9._~!$&()*+,;=:@/?-]"
# Runs of plain characters with escapes between them: an alternation for each character takes three times as long.
_PLAIN = re.compile(
    r"(https?)://((?:[a-z0-9-]{1,63}\.){0,9}[a-z0-9-]{1,63})"
    r"(?::([1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d\d|655[0-2]\d|6553[0-5]))?"
    rf"(?:/{_PATH}*(?:%[0-9A-Fa-f]{{2}}{_PATH}*)*(?:\?{_QUERY}*(?:%[0-9A-Fa-f]{{2}}{_QUERY}*)*)?)?"
)
# A host whose last label is a number is an IPv4 address; the parser normalizes all forms except the usual one.
_BYTE = r"(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])"
_ODD_ADDRESS = re.compile(rf"(?!{_BYTE}(?:\.{_BYTE}){{3}}$)(?:.*\.)?(?:\d+|0x[0-9a-f]*)$")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_ABSOLUTE = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST = 65_536
"""Most characters of a URL; servers reject a tenth of it, and longer ones take the parser much time."""
_HOST = re.compile(r"https?://([a-z0-9.:-]+)/")


class Url(NamedTuple):
    """A parsed URL; `host` and `port` are those of the connection."""

    url: str
    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port; only one origin gets the headers of a source."""
        return self.scheme, self.host, self.port


def parse_url(asked: str, url: str, base: str = "") -> Url:
    """Parse a URL.

    Args:
        asked: the URL originally requested, for error messages.
        url: the URL, which may be relative to `base`.
        base: the base URL; empty for an absolute URL.

    Raises:
        RefusedUrlError: the URL is invalid, is not an http or https URL with a host, or its port cannot be used.
    """
    if len(url) > _LONGEST:
        raise RefusedUrlError(asked, f"one of {len(url):,} characters, of which at most {_LONGEST:,} are allowed")
    if (
        (match := _PLAIN.fullmatch(url))
        and "/." not in url
        and len(match[2]) <= _LONGEST_HOST
        and not _is_odd(match[2])
    ):
        scheme, host, port = match.groups()
        return Url(url, scheme, host, int(port) if port else _PORTS[scheme])
    from ada_url import URL, join_url  # imported here, since few URLs need it

    if _CONTROL.search(url):
        raise RefusedUrlError(asked, "one with control characters")
    # The URL Standard treats a backslash as a slash, so that the text after it could become the host.
    written = url.replace("\\", "%5C")
    try:
        if base and not _SCHEME.match(written):
            written = join_url(base, written)
        if not _ABSOLUTE.match(written):
            raise RefusedUrlError(asked, repr(redact_url(written)))
        parsed = URL(written)
        href, host, port_text = parsed.href, parsed.hostname.strip("[]"), parsed.port
        scheme = parsed.protocol.removesuffix(":")
    except UnicodeEncodeError:
        raise RefusedUrlError(asked, "one with half a surrogate pair") from None
    except ValueError:
        expected = WITH_HOST if _has_usable_port(written) else WITH_PORT
        raise RefusedUrlError(asked, repr(redact_url(written)), expected) from None
    if port_text == "0":
        raise RefusedUrlError(asked, repr(redact_url(written)), WITH_PORT)
    if not may_be_host(host):
        raise RefusedUrlError(asked, repr(redact_url(written)))
    return Url(href.partition("#")[0], scheme, host, int(port_text) if port_text else _PORTS[scheme])


def check_url(url: str) -> str:
    """Validate a URL in settings, and return it unchanged.

    Raises:
        ValueError: the URL is invalid or contains whitespace, which is unlikely to be intended.
    """
    try:
        parse_url(url, url)
    except RefusedUrlError as error:
        raise ValueError(f"expected {error.expected}") from None
    if any(map(str.isspace, url)):
        raise ValueError(f"expected {WITH_HOST}")
    return url


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL; an invalid URL is an origin of its own."""
    try:
        return parse_url(url, url).origin
    except RefusedUrlError:
        return "", url, None


def host_of(url: str) -> str:
    """Host and port of a URL, for per-host queues; the URL itself if it is invalid."""
    if plain := _HOST.match(url):
        return plain.group(1)
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return url


def may_be_host(host: str) -> bool:
    """Whether a host is an IP address or a valid host name."""
    return literal_address(host) is not None or HOST_NAME.fullmatch(host) is not None


@lru_cache(1024)
def _is_odd(host: str) -> bool:
    return _ODD_ADDRESS.match(host) is not None


def _has_usable_port(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:  # invalid for a different reason
        return True
    try:
        return parts.port != 0
    except ValueError:  # too large, or not a number
        return False

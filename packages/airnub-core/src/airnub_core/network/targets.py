"""Targets: a URL as the connection is made to it. Plain ones, which nearly all are, are read without a parser."""

import re
from typing import NamedTuple
from urllib.parse import SplitResult

WITH_PORT = "an http or https URL with a port from 1 to 65535"
"""What was expected where `has_usable_port` says no."""
_PORTS = {"http": 80, "https": 443}
_PATH = r"[A-Za-z0-9._~!$&'()*+,;=:@/-]"
_QUERY = r"[A-Za-z0-9._~!$&()*+,;=:@/?-]"
# Runs of plain characters, with what is escaped between them: a choice at each character takes three times as long.
_PLAIN = re.compile(
    r"(https?)://((?:[a-z0-9-]{1,63}\.){0,9}[a-z0-9-]{1,63})(?::([1-9]\d{0,3}|[1-5]\d{4}))?"
    rf"(?:/{_PATH}*(?:%[0-9A-Fa-f]{{2}}{_PATH}*)*(?:\?{_QUERY}*(?:%[0-9A-Fa-f]{{2}}{_QUERY}*)*)?)?"
)


class Target(NamedTuple):
    """What is asked; `host` and `port` as the connection is made to them."""

    url: str
    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> tuple[str, str, int]:
        """Who may see the headers of a source."""
        return self.scheme, self.host, self.port


def has_usable_port(parts: SplitResult) -> bool:
    """Whether a URL names a port that can be connected to, or none."""
    try:
        return parts.port != 0
    except ValueError:  # too large, or not a number
        return False


def target_of(asked: str, url: str, base: str = "") -> Target:
    """The target of a URL, seen from `base`; `asked` is what an error names.

    Raises:
        RefusedUrlError: it cannot be read, is not an http or https URL with a host, or its port cannot be used.
    """
    if (match := _PLAIN.fullmatch(url)) and "/." not in url:
        scheme, host, port = match.groups()
        return Target(url, scheme, host, int(port) if port else _PORTS[scheme])
    from airnub_core.network.hosts import checked_url, host_in  # brings httpx, whose reading of odd URLs is ours

    parsed = checked_url(asked, url, base)
    return Target(str(parsed).partition("#")[0], parsed.scheme, host_in(parsed), parsed.port or _PORTS[parsed.scheme])

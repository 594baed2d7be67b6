"""robots.txt: the paths that a host disallows for automatic clients (RFC 9309)."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit, urlunsplit

from protego import Protego

from airnub_core.errors import HttpStatusError, RobotsRefusedError

PRODUCT = "airnub"
"""Product token, which rules name as `User-agent`."""
MAX_BYTES = 512 * 1024
"""Most bytes of a robots.txt that are parsed (RFC 9309, 2.5)."""
LONGEST_DELAY = 60.0
"""Longest Crawl-delay in seconds that is honoured; RFC 9309 does not define it, and hours would prevent any fetch."""


class Robots:
    """The robots.txt rules of all hosts; each robots.txt is fetched once."""

    def __init__(self, fetch: Callable[[str], Awaitable[bytes]]) -> None:
        self._fetch = fetch
        self._rules: dict[str, asyncio.Task[Protego]] = {}

    async def check(self, url: str) -> None:
        """Check that the host allows fetching a URL.

        Raises:
            RobotsRefusedError: the host disallows it.
            ItemError: robots.txt is unreachable, so nothing may be fetched (RFC 9309, 2.3.1.4).
        """
        if not (await self._of(url)).can_fetch(url, PRODUCT):
            raise RobotsRefusedError(url)

    async def delay(self, url: str) -> float | None:
        """Crawl-delay of the host in seconds, at most `LONGEST_DELAY`; `None` if there is none.

        Raises:
            ItemError: robots.txt is unreachable.
        """
        asked = (await self._of(url)).crawl_delay(PRODUCT)
        return min(asked, LONGEST_DELAY) if asked is not None and asked > 0 else None

    def _of(self, url: str) -> asyncio.Task[Protego]:
        parts = urlsplit(url)
        rules = urlunsplit((parts.scheme, parts.netloc, "/robots.txt", "", ""))
        if rules not in self._rules:
            self._rules[rules] = asyncio.create_task(self._read(rules))
        return self._rules[rules]

    async def _read(self, url: str) -> Protego:
        try:
            content = await self._fetch(url)
        except HttpStatusError as error:
            if error.transient:
                raise
            content = b""
        return Protego.parse(content[:MAX_BYTES].decode("utf-8", errors="replace"))

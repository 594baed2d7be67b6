"""robots.txt: the paths that a host disallows for automatic clients (RFC 9309)."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit, urlunsplit

from protego import Protego

from airnub_core.errors import HttpStatusError, RobotsRefusedError

PRODUCT = "airnub"
"""The name that rules may be written for."""
MAX_BYTES = 512 * 1024
"""More of a robots.txt is not looked at (RFC 9309, 2.5)."""
LONGEST_DELAY = 60.0
"""Seconds; RFC 9309 has no Crawl-delay, and one that asks for hours asks not to be fetched at all."""


class Robots:
    """The rules of every host, asked for once each."""

    def __init__(self, fetch: Callable[[str], Awaitable[bytes]]) -> None:
        self._fetch = fetch
        self._rules: dict[str, asyncio.Task[Protego]] = {}

    async def check(self, url: str) -> None:
        """Return when the host allows fetching `url`.

        Raises:
            RobotsRefusedError: it does not.
            ItemError: the rules cannot be had for now, which does not permit anything (RFC 9309, 2.3.1.4).
        """
        if not (await self._of(url)).can_fetch(url, PRODUCT):
            raise RobotsRefusedError(url)

    async def delay(self, url: str) -> float | None:
        """Seconds that the host asks to wait between two requests, `LONGEST_DELAY` at most; `None` for none.

        Raises:
            ItemError: as `check`.
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

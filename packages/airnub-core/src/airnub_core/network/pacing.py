"""Pacing: how many transfers at once, in all and per host, and how many starts a second per host."""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from airnub_core.network.settings import NetworkSettings

_PLAIN = re.compile(r"https?://([a-z0-9.:-]+)/")


def host_of(url: str) -> str:
    """What the limits of a host are counted by: its name and port; the URL itself where nobody can say."""
    if plain := _PLAIN.match(url):
        return plain.group(1)
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return url


class Pacing:
    """Shared by all transfers of an engine; belongs to one event loop."""

    def __init__(self, network: NetworkSettings) -> None:
        self._all = asyncio.Semaphore(network.connections)
        self._hosts: dict[tuple[str, int], asyncio.Semaphore] = {}
        self._next_start: dict[str, float] = defaultdict(float)

    @asynccontextmanager
    async def turn(self, host: str, network: NetworkSettings) -> AsyncIterator[None]:
        """Wait for a turn to ask `host`, and hold it while the block runs."""
        limit = network.connections_per_host
        # Waiting for a slow host must not hold one of the places of all: the host's own place comes first, and whoever
        # comes too early for its rate lets go and comes again.
        async with self._hosts.setdefault((host, limit), asyncio.Semaphore(limit)):
            while True:
                async with self._all:
                    early = self._early(host, network.requests_per_second_per_host)
                    if early <= 0:
                        yield
                        return
                await asyncio.sleep(early)

    def _early(self, host: str, per_second: float | None) -> float:
        """Seconds until the host may be asked again; where there are none, the turn counts as taken."""
        if per_second is None:
            return 0
        now = asyncio.get_running_loop().time()
        early = self._next_start[host] - now
        if early <= 0:
            self._next_start[host] = now + 1 / per_second
        return early

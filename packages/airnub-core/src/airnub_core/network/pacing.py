"""Pacing: how many transfers at once, in all and per host, and how many starts a second per host."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from airnub_core.network.settings import NetworkSettings


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
        # The host's place comes first: waiting for a slow host must not hold one of the places of all.
        async with self._hosts.setdefault((host, limit), asyncio.Semaphore(limit)), self._all:
            await self._rate(host, network.requests_per_second_per_host)
            yield

    async def _rate(self, host: str, per_second: float | None) -> None:
        if per_second is None:
            return
        now = asyncio.get_running_loop().time()
        start = max(now, self._next_start[host])
        self._next_start[host] = start + 1 / per_second
        await asyncio.sleep(start - now)

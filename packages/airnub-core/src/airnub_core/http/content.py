"""Bodies of requests: bytes that are there, and streams that come while they are sent, with a bound on what waits."""

import asyncio
from collections import deque
from collections.abc import AsyncIterable

from airnub_core.http.client import Client
from airnub_core.http.fetcher import EventLoop
from airnub_core.http.transfer import Transfer

MOST_HELD = 256 * 1024
"""Bytes of a stream that wait to be sent, but for those of the piece that exceeds it."""
_PIECE = 64 * 1024


class BytesContent:
    """The body of a request that is there."""

    can_rewind = True

    def __init__(self, content: bytes) -> None:
        self.size: int | None = len(content)
        self._content = content
        self._sent = 0

    def rewind(self) -> None:
        """Begin again."""
        self._sent = 0

    def read(self, most: int) -> bytes:
        """The next bytes."""
        piece = self._content[self._sent : self._sent + most]
        self._sent += len(piece)
        return piece


class StreamContent:
    """The body of a request that comes while it is sent. The event loop writes, the client's thread reads."""

    can_rewind = False

    def __init__(self, size: int | None, client: Client, event_loop: EventLoop) -> None:
        self.size = size
        self.transfer: Transfer | None = None
        self._client, self._event_loop = client, event_loop
        self._pieces: deque[bytes] = deque()
        self._written = self._taken = 0
        self._ended = False
        self._waiting: asyncio.Future[None] | None = None

    def rewind(self) -> None:
        """It is sent once."""

    def read(self, most: int) -> bytes | None:
        """The next bytes, `None` where there are none yet; in the loop of the client."""
        if not self._pieces:
            return b"" if self._ended else None
        piece = self._pieces.popleft()
        if len(piece) > most:
            self._pieces.appendleft(piece[most:])
            piece = piece[:most]
        self._taken += len(piece)
        if self._waiting is not None and self._written - self._taken < MOST_HELD:
            self._event_loop.call(self._wake)
        return piece

    async def feed(self, stream: AsyncIterable[bytes]) -> None:
        """Write all that comes, and wait while too much of it has not been sent."""
        assert self.transfer is not None, "it was submitted"
        async for piece in stream:
            if not piece:
                continue
            self._written += len(piece)
            for start in range(0, len(piece), _PIECE):
                self._pieces.append(piece[start : start + _PIECE])
            self._client.go_on(self.transfer)
            while self._written - self._taken >= MOST_HELD:
                self._waiting = self._event_loop.loop.create_future()
                if self._written - self._taken >= MOST_HELD:
                    await self._waiting
                self._waiting = None
        self._ended = True
        self._client.go_on(self.transfer)

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

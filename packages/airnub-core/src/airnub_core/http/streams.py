"""Bodies as streams between the thread of the client and an event loop, with a bound on what waits between them: those
of answers, and those of requests.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable
from math import inf
from time import monotonic

from airnub_core.errors import HttpStatusError, IngestError, ProtocolError
from airnub_core.http.body_sink import Body, NotedBody
from airnub_core.http.client import Client
from airnub_core.http.fetcher import EventLoop
from airnub_core.http.request import Response, Transfer

SMALL = 64 * 1024
"""Bytes; an answer up to so many is handed over whole, and can be asked for again until then."""
MOST_HELD = 256 * 1024
"""Bytes of a body that wait to be read, or to be sent, but for those of the piece that exceeds it."""
_PIECE = 64 * 1024
"""Bytes of a request's body that are handed over together."""
_LONGEST_HELD = 0.1
"""Seconds that the beginning of a body waits for the rest, before it is handed over without."""


class StreamBody(NotedBody):
    """The body of an answer. The client's thread writes, the event loop reads."""

    straight = None

    def __init__(self, sink: "StreamSink") -> None:
        super().__init__()
        self.pieces: deque[bytes] = deque()
        self.taken = 0
        """Bytes that were read; written by the event loop alone, as `size` is by the client's thread."""
        self._sink = sink

    @property
    def is_full(self) -> bool:
        return self.size - self.taken >= MOST_HELD

    def write(self, piece: bytes) -> None:
        self.size += len(piece)
        self.pieces.append(piece)
        self._sink.has_more(self)

    def keep(self) -> bool:
        return self.resumable is not None and self.size > 0

    def take(self) -> bytes:
        """All that waits, as one piece."""
        pieces = [self.pieces.popleft() for _ in range(len(self.pieces))]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class StreamSink:
    """The answer to one request: its headers are awaited with `head`, then its body is iterated over."""

    takes_all = True
    cuts = parks = False

    def __init__(self, client: Client, event_loop: EventLoop, on_end: Callable[[], None]) -> None:
        """Wait for an answer.

        Args:
            client: makes the request.
            event_loop: in which it is awaited.
            on_end: called in the event loop when nothing more comes.
        """
        self._client, self._event_loop, self._on_end = client, event_loop, on_end
        self.transfer: Transfer | None = None
        self.head: asyncio.Future[Response] = event_loop.loop.create_future()
        self.error: BaseException | None = None
        """Why the body ended early."""
        self.is_truncated = False
        """Whether it is the body of an error, of which only the beginning was kept."""
        self._body: StreamBody | None = None
        self._received: Response | None = None
        self._began = 0.0
        self._has_begun = False
        """Whether the headers were handed over."""
        self._ended = False
        self._reading: asyncio.Future[None] | None = None

    # --- in the loop of the client ------------------------------------------------------------------------------------

    @property
    def can_restart(self) -> bool:
        """Until something was handed over."""
        return not self._has_begun

    def body(self, response: Callable[[], Response]) -> Body:
        """An empty one.

        Raises:
            ProtocolError: something of another one was handed over.
        """
        received = response()
        if self._has_begun:
            raise ProtocolError(received.request.url, "another version of the body than the one that was begun")
        self._received, self._body = received, StreamBody(self)
        self._began = monotonic()
        self._client.watch(self)
        return self._body

    def has_more(self, body: StreamBody) -> None:
        """A piece has come."""
        if not self._has_begun:
            if body.size <= SMALL:
                return
            self._begin()
        self._event_loop.call(self._wake)

    def look(self, now: float, *, is_idle: bool) -> float:  # noqa: ARG002
        """As a watcher of the client: hand over what comes slowly."""
        if self._has_begun:
            return inf
        wait = self._began + _LONGEST_HELD - now
        if wait <= 0:
            self._begin()
            return inf
        return wait

    def crashed(self, error: BaseException) -> None:
        """As a watcher of the client: it has ended."""
        self.abort(error)

    def whole(self, received: Response, _body: Body) -> None:
        """Nothing more comes."""
        self._received = received
        self._begin()
        self._end(None)

    def not_modified(self, received: Response) -> None:
        """As any other answer without a body."""
        self._received, self._body = received, StreamBody(self)
        self._begin()
        self._end(None)

    def failed(self, transfer: Transfer, error: IngestError) -> None:
        """An error of the server is an answer; any other is raised where the answer is awaited, or its body read."""
        self._client.unwatch(self)
        if isinstance(error, HttpStatusError) and transfer.last is not None and not self._has_begun:
            self._received, body = transfer.last, StreamBody(self)
            self.is_truncated = transfer.is_truncated
            if transfer.last_content:
                body.pieces.append(transfer.last_content)
                body.size = len(transfer.last_content)
            self._body = body
            self._begin()
            self._end(None)
            return
        if not self._has_begun:
            self._event_loop.call(lambda: self._raise(error))
        self._end(error)

    def discard(self, _body: Body) -> None:
        """Another attempt begins with an empty one."""
        self._client.unwatch(self)

    def park(self, _body: Body) -> None:
        """It is in memory alone."""
        self._client.unwatch(self)

    def _begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._client.unwatch(self)
            self._event_loop.call(self._hand_over)

    def _end(self, error: IngestError | None) -> None:
        self.error = error
        self._ended = True
        self._event_loop.call(self._wake)
        self._event_loop.call(self._on_end)

    # --- in the event loop --------------------------------------------------------------------------------------------

    def abort(self, error: BaseException) -> None:
        """The client makes no more requests: a body that has not come to its end raises this too."""
        self._event_loop.call(lambda: self._raise(error))
        if not self._ended:
            self.error = error
        self._ended = True
        self._event_loop.call(self._wake)

    def close(self) -> None:
        """Nothing more is read."""
        if not self._ended and self.transfer is not None:
            self._client.cancel(self.transfer)
            self._on_end()

    async def read(self) -> AsyncIterator[bytes]:
        """The pieces of the body as they come.

        Raises:
            IngestError: it ended early.
            BaseException: that ended the client.
        """
        body = self._body
        assert body is not None, "the headers have come"
        assert self.transfer is not None, "it was submitted"
        while True:
            while body.pieces:
                was_full = body.is_full
                piece = body.take()
                body.taken += len(piece)
                if was_full and not body.is_full:
                    self._client.go_on(self.transfer)
                yield piece
            if self._ended and not body.pieces:
                if self.error is not None:
                    raise self.error
                return
            self._reading = self._event_loop.loop.create_future()
            if not body.pieces and not self._ended:
                await self._reading
            self._reading = None

    def _hand_over(self) -> None:
        if not self.head.done():
            assert self._received is not None, "headers have come"
            self.head.set_result(self._received)

    def _raise(self, error: BaseException) -> None:
        if not self.head.done():
            self.head.set_exception(error)

    def _wake(self) -> None:
        if self._reading is not None and not self._reading.done():
            self._reading.set_result(None)


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

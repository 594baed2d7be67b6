"""Streaming bodies: pass response and request bodies between the client's thread and an asyncio event loop.

Buffers between the two threads are bounded, so that a slow reader pauses the transfer.
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
from airnub_core.http.limits import MOST_HELD, SMALL
from airnub_core.http.request import Response, Transfer

_PIECE = 64 * 1024
"""Largest chunk in bytes of a request body."""
_LONGEST_HELD = 0.1
"""Longest time in seconds that the first bytes of a body are held back."""


class StreamBody(NotedBody):
    """A response body, written by the client's thread and read by the event loop."""

    straight = None

    def __init__(self, sink: "StreamSink") -> None:
        super().__init__()
        self.pieces: deque[bytes] = deque()
        self.taken = 0
        """Number of bytes read; set only by the event loop, as `size` is set only by the client's thread."""
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
        """Remove and return all buffered bytes."""
        pieces = [self.pieces.popleft() for _ in range(len(self.pieces))]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class StreamSink:
    """Sink of one streamed response: await `head` for status and headers, then iterate over `read` for the body."""

    takes_all = True
    cuts = parks = False

    def __init__(self, client: Client, event_loop: EventLoop, on_end: Callable[[], None]) -> None:
        """Create a sink for one request; `on_end` is called in the event loop when it has ended."""
        self._client, self._event_loop, self._on_end = client, event_loop, on_end
        self.transfer: Transfer | None = None
        self.head: asyncio.Future[Response] = event_loop.loop.create_future()
        self.error: BaseException | None = None
        """The error that interrupted the body."""
        self.is_truncated = False
        """Whether the body is the truncated body of an error response."""
        self._body: StreamBody | None = None
        self._received: Response | None = None
        self._began = 0.0
        self._has_begun = False
        """Whether `head` is set, or about to be set in the event loop."""
        self._ended = False
        self._reading: asyncio.Future[None] | None = None

    # --- in the loop of the client ------------------------------------------------------------------------------------

    @property
    def can_restart(self) -> bool:
        """Whether the response was not delivered yet, so that a retry may start with a new body."""
        return not self._has_begun

    def body(self, response: Callable[[], Response]) -> Body:
        """Create an empty body for a response.

        Raises:
            ProtocolError: part of a different response body was delivered already.
        """
        received = response()
        if self._has_begun:
            raise ProtocolError(received.request.url, "another version of the body than the one that was begun")
        self._received, self._body = received, StreamBody(self)
        self._began = monotonic()
        self._client.watch(self)
        return self._body

    def has_more(self, body: StreamBody) -> None:
        """Deliver a chunk, or hold it back while the body has at most `SMALL` bytes and can still be retried."""
        if not self._has_begun:
            if body.size <= SMALL:
                return
            self._begin()
        self._event_loop.call(self._wake)

    def look(self, now: float) -> float:
        """Deliver a body that was held back for `_LONGEST_HELD`; called by the client as a `Watcher`."""
        if self._has_begun:
            return inf
        wait = self._began + _LONGEST_HELD - now
        if wait <= 0:
            self._begin()
            return inf
        return wait

    def whole(self, received: Response, _body: Body) -> None:
        """Deliver a complete response."""
        self._received = received
        self._begin()
        self._end(None)

    def not_modified(self, received: Response) -> None:
        """Deliver a 304 response, which has no body."""
        self._body = StreamBody(self)
        self.whole(received, self._body)

    def failed(self, transfer: Transfer, error: IngestError) -> None:
        """Deliver an error status as a response; raise any other error from `head` or `read`."""
        self._client.unwatch(self)
        if isinstance(error, HttpStatusError) and transfer.last is not None and not self._has_begun:
            self._body = body = StreamBody(self)
            self.is_truncated = transfer.is_truncated
            if content := transfer.last.content:
                body.pieces.append(content)
                body.size = len(content)
            self.whole(transfer.last, body)
            return
        if not self._has_begun:
            self._event_loop.call(lambda: self._raise(error))
        self._end(error)

    def discard(self, _body: Body) -> None:
        """Stop watching the client; a retry creates a new body, and a body in memory cannot be kept."""
        self._client.unwatch(self)

    park = discard

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
        """Raise the error that ended the client from `head`, or from `read` if the body is incomplete."""
        self._event_loop.call(lambda: self._raise(error))
        if not self._ended:
            self.error = error
        self._ended = True
        self._event_loop.call(self._wake)

    crashed = abort  # as a `Watcher` of the client

    def close(self) -> None:
        """Cancel the request if it is still running."""
        if not self._ended and self.transfer is not None:
            self._client.cancel(self.transfer)
            self._on_end()

    async def read(self) -> AsyncIterator[bytes]:
        """Yield chunks of the body as they are received.

        Raises:
            IngestError: the transfer was interrupted.
            BaseException: the error that ended the client.
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
    """A request body in memory."""

    can_rewind = True

    def __init__(self, content: bytes) -> None:
        self.size: int | None = len(content)
        self._content = content
        self._sent = 0

    def rewind(self) -> None:
        """Restart at the first byte."""
        self._sent = 0

    def read(self, most: int) -> bytes:
        """Return the next chunk of at most `most` bytes; empty at the end."""
        piece = self._content[self._sent : self._sent + most]
        self._sent += len(piece)
        return piece


class StreamContent:
    """A streamed request body, written by the event loop and read by the client's thread."""

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
        """Do nothing: a stream can be sent only once."""

    def read(self, most: int) -> bytes | None:
        """Return the next chunk of at most `most` bytes; empty at the end, `None` if none is available yet.

        Called in the loop of the client.
        """
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
        """Write the chunks of a stream; waits while `MOST_HELD` bytes or more are not sent yet."""
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

"""Body sinks: the protocols of response body consumers (`Sink`, `Body`), and the body buffered in memory.

Further implementations: `file_sink` for files, `streams` for streamed responses, `fetcher` for responses in memory.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Protocol

from airnub_core.errors import IngestError
from airnub_core.http.request import Response, Transfer
from airnub_core.store.partials import WORTH_RESUMING, ResumeInfo


class Writer(Protocol):
    """Appends chunks of a decoded body and counts their bytes."""

    @property
    def size(self) -> int:
        """Number of bytes written so far."""

    def write(self, piece: bytes) -> None:
        """Append a chunk.

        Raises:
            OSError: the chunk cannot be written to disk.
        """


class Body(Writer, Protocol):
    """The decoded body of one response, written while it is received; called from the client's thread."""

    @property
    def is_full(self) -> bool:
        """Whether the transfer must pause until the reader has consumed part of the body."""

    @property
    def takes_note(self) -> bool:
        """Whether the body still needs resume information (`note`)."""

    resumable: ResumeInfo | None
    """The resume information; `None` if the body cannot be resumed."""

    def note(self, note: ResumeInfo) -> None:
        """Set the information that a range request needs to resume the body."""

    @property
    def straight(self) -> Writer | None:
        """The writer for further chunks that need no decoding, only a size check; `None` if there is none."""

    def keep(self) -> bool:
        """Keep the incomplete body of an interrupted transfer; return whether a range request can resume it."""


class Sink(Protocol):
    """Receives the results of requests; called from the client's thread, so no method may block."""

    takes_all: bool
    """Whether every 2xx status is a success and bodies of error responses are kept; otherwise only 200 is."""
    cuts: bool
    """Whether a body larger than `max_bytes` is truncated instead of failing the request."""
    parks: bool
    """Whether the next run can resume an incomplete body."""

    @property
    def can_restart(self) -> bool:
        """Whether a retry may start with a new body."""

    def body(self, response: Callable[[], Response], /) -> Body:
        """Create an empty body for a response; `response` returns the status and headers received so far."""

    def whole(self, received: Response, body: Body, /) -> None:
        """Handle a complete response; `received` does not contain the body."""

    def not_modified(self, received: Response, /) -> None:
        """Handle a 304 response."""

    def failed(self, transfer: Transfer, error: IngestError) -> None:
        """Handle a failed request (`ItemError`), or a store that cannot be written (`StoreError`)."""

    def park(self, body: Body, /) -> None:
        """Keep an incomplete body for the next run if it is large enough to be resumed."""

    def discard(self, body: Body, /) -> None:
        """Delete an incomplete body."""


class NotedBody:
    """Base of bodies that are not files: they accept resume information once, from the first chunk on."""

    __slots__ = ("resumable", "size")

    def __init__(self) -> None:
        self.size = 0
        self.resumable: ResumeInfo | None = None

    @property
    def takes_note(self) -> bool:
        return self.resumable is None

    def note(self, note: ResumeInfo) -> None:
        self.resumable = note


class MemoryBody(NotedBody):
    """A body in memory, which a retry can resume."""

    __slots__ = ("_bytes",)

    is_full = False
    straight = None

    def __init__(self) -> None:
        super().__init__()
        self._bytes = BytesIO()

    def write(self, piece: bytes) -> None:
        self.size += self._bytes.write(piece)

    def keep(self) -> bool:
        return self.resumable is not None and self.size >= WORTH_RESUMING

    def content(self) -> bytes:
        """The complete body."""
        return self._bytes.getvalue()

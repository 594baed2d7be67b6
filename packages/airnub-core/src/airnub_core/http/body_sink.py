"""Sinks: where the answer to a request goes. What a new one must do is here; files, memory and streams are others."""

from collections.abc import Callable
from io import BytesIO
from typing import Protocol

from airnub_core.errors import IngestError
from airnub_core.http.request import Response, Transfer
from airnub_core.store.partials import WORTH_RESUMING, ResumeInfo


class Writer(Protocol):
    """Takes pieces, and counts them."""

    @property
    def size(self) -> int:
        """In bytes, so far."""
        ...

    def write(self, piece: bytes) -> None:
        """Append a piece."""
        ...


class Body(Protocol):
    """The bytes of one answer, decoded, as they come; called in the thread of the client."""

    @property
    def size(self) -> int:
        """In bytes, so far."""
        ...

    @property
    def is_full(self) -> bool:
        """Whether the transfer has to wait until its reader has taken some of it."""
        ...

    @property
    def takes_note(self) -> bool:
        """Whether it is worth noting what another request needs to go on with it."""
        ...

    resumable: ResumeInfo | None
    """What was noted."""

    def note(self, note: ResumeInfo) -> None:
        """What another request needs to go on with it."""
        ...

    @property
    def straight(self) -> Writer | None:
        """Where pieces may go without another look at anything but the size."""
        ...

    def write(self, piece: bytes) -> None:
        """Append a piece.

        Raises:
            OSError: the disk did not take it.
        """
        ...

    def keep(self) -> bool:
        """It ended early: whether another request can go on with it."""
        ...


class Sink(Protocol):
    """Where the answers to requests go; called in the thread of the client, which it must not hold up."""

    takes_all: bool
    """Whether every status 2xx is an answer, and the body of an error is wanted too; else 200 alone is."""
    cuts: bool
    """Whether a body that is larger than its limit is cut there, and not an error."""
    parks: bool
    """Whether a body that was given up can be resumed by the next run."""

    @property
    def can_restart(self) -> bool:
        """Whether another attempt may begin with a new body."""
        ...

    def body(self, response: Callable[[], Response], /) -> Body:
        """An empty body for the answer that begins; the function says what has come of it."""
        ...

    def whole(self, received: Response, body: Body, /) -> None:
        """A body is whole; the response is without it."""
        ...

    def not_modified(self, received: Response, /) -> None:
        """The server says that nothing changed."""
        ...

    def failed(self, transfer: Transfer, error: IngestError) -> None:
        """It cannot be had (`ItemError`), or the store cannot be written."""
        ...

    def park(self, body: Body, /) -> None:
        """Keep a body for the next run, where that is worth it."""
        ...

    def discard(self, body: Body, /) -> None:
        """A body is given up for good."""
        ...


class NotedBody:
    """What bodies that are no files have in common: the note is taken at once, and once."""

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
    """A body in memory, which can be resumed by the next attempt."""

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
        """All of it."""
        return self._bytes.getvalue()

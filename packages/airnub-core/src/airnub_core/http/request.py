"""Jobs and their results: plain values, which cross the borders of processes."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from airnub_core.errors import IngestError, ItemError
from airnub_core.http.limits import Limits
from airnub_core.store.provenance import Asked
from airnub_core.store.staged import Staged


class Content(Protocol):
    """The body of a request; read in the thread of the client."""

    @property
    def size(self) -> int | None:
        """In bytes; `None` where it is not known."""
        ...

    @property
    def can_rewind(self) -> bool:
        """Whether it can be sent again."""
        ...

    def rewind(self) -> None:
        """Begin again."""
        ...

    def read(self, most: int) -> bytes | None:
        """Up to so many bytes; none at the end, and `None` where there are none yet."""
        ...


class Request(NamedTuple):
    """One URL to download; `number` is what its result is known by."""

    number: int
    asked: Asked
    limits: Limits
    headers: Mapping[str, str]
    """Of the source, secrets among them; sent to the URL's own origin alone."""
    etag: str | None = None
    """What the index knows of the URL: the server may answer that nothing changed."""
    last_modified: str | None = None
    clock: float = 0.0
    """What to add to `elapsed` for the time of the index, in seconds since 1970."""


class Started(NamedTuple):
    """A process that downloads has started; `folder` is where it stages, absolute."""

    folder: str


class Fetched(NamedTuple):
    """The bytes have come, and are staged."""

    number: int
    attempts: int
    staged: Staged
    etag: str | None
    last_modified: str | None
    sent_at: str
    """When the request that they answer was sent, by the clock of the index: ISO 8601 in UTC."""
    headers: Mapping[str, str] = {}
    """Of the answer, names in lower case; empty for results that cross the borders of processes."""


class NotModified(NamedTuple):
    """The server says that nothing changed."""

    number: int
    attempts: int
    etag: str | None
    last_modified: str | None
    sent_at: str
    headers: Mapping[str, str] = {}


class Failed(NamedTuple):
    """It cannot be had; the error says after how many attempts."""

    number: int
    error: ItemError


class StoreFailure(NamedTuple):
    """The store cannot be written: nothing goes on."""

    error: IngestError


Result = Fetched | NotModified | Failed | StoreFailure

"""Items: what is asked for, and what came of asking for it, on the way from the network to the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from airnub_common import ALGORITHM
from airnub_core.http.headers import is_visible
from airnub_core.http.settings import NetworkSettings
from airnub_core.store.index import IndexRow
from airnub_core.store.layout import Staged, checked_source_name, shown_name


@dataclass(frozen=True, slots=True)
class Item:
    """One URL of one source.

    A URL that cannot be requested is accepted here: links and cursors come from servers, and such an item ends as a
    failed outcome, beside the others.

    Raises:
        ValueError: `source` is not the name of a source, or `url` cannot be encoded as UTF-8.
        TypeError: either is not text.
    """

    source: str
    url: str
    network: NetworkSettings
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Of the source, secrets among them; sent to the URL's own origin alone."""
    page: str | None = None
    title: str | None = None
    withdraws: bool = False
    """Whether the URL is withdrawn when two runs in a row do not find it (`on_gone: withdraw`)."""

    def __post_init__(self) -> None:
        """Check what becomes a folder of the store and the digest that the index knows the URL by."""
        for name, value in (("source", self.source), ("url", self.url)):
            if not isinstance(value, str):
                raise TypeError(f"Item.{name}: expected text, found {type(value).__name__}")
        try:
            checked_source_name(self.source)
        except ValueError as error:
            raise ValueError(f"Item.source: {error}, found {shown_name(self.source)}") from None
        try:
            self.url.encode()
        except UnicodeEncodeError:
            raise ValueError("Item.url: expected text that UTF-8 can encode, found half a surrogate pair") from None


class FetchResult(NamedTuple):
    """An item whose bytes are staged, or are in the store already because the server says that nothing changed."""

    item: Item
    url_digest: str
    known: IndexRow | None
    """What the index knew before."""
    staged: Staged | None
    """`None` where nothing changed since the object that is known."""
    attempts: int
    sent_at: str
    """When the request was sent that it answers, by the clock of the index: ISO 8601 in UTC."""
    etag: str | None = None
    last_modified: str | None = None
    headers: Mapping[str, str] = {}
    """Of the answer, names in lower case; only where a caller needs them."""

    @property
    def digest(self) -> str:
        """Of the bytes that the item has now."""
        if self.staged is not None:
            return f"{ALGORITHM}:{self.staged.hex_digits}"
        assert self.known is not None, "only what is known is asked with validators"
        return self.known.digest

    @property
    def size(self) -> int:
        """Of the bytes that the item has now."""
        if self.staged is not None:
            return self.staged.size
        assert self.known is not None, "only what is known is asked with validators"
        return self.known.size


def validators(known: IndexRow | None) -> tuple[str | None, str | None]:
    """ETag and Last-Modified that let a server say that nothing changed.

    What a server called its version in characters that cannot be sent back is left out; then the bytes come again.
    """
    if known is None:
        return None, None
    return _sendable(known.etag), _sendable(known.last_modified)


def _sendable(value: str | None) -> str | None:
    return value if value and is_visible(value) else None

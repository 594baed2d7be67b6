"""Items: the URLs to fetch, and the request for each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from airnub_core.http.conditional import validators
from airnub_core.http.limits import Limits
from airnub_core.http.request import Request
from airnub_core.http.settings import NetworkSettings
from airnub_core.store.index import IndexRow
from airnub_core.store.layout import checked_source_name, shown_name


@dataclass(frozen=True, slots=True)
class Item:
    """One URL of one source, to be fetched.

    The URL is not validated here: links and cursors come from servers, and an invalid one becomes a failed outcome,
    without affecting other items.

    Raises:
        ValueError: `source` is not a valid source name, or `url` cannot be encoded as UTF-8.
        TypeError: either is not text.
    """

    source: str
    url: str
    network: NetworkSettings
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Request headers of the source, including secrets; sent only to the URL's own origin."""
    page: str | None = None
    title: str | None = None
    withdraws: bool = False
    """Whether the URL is withdrawn when two runs in a row do not find it (`on_gone: withdraw`)."""

    def __post_init__(self) -> None:
        """Check the source, which becomes a folder of the store, and the URL, whose digest is the key in the index."""
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


def request_for(
    item: Item, url_digest: str, known: IndexRow | None, limits: Limits, *, number: int, clock: float, force: bool
) -> Request:
    """The request for an item, conditional if the index has validators of its URL (`http.conditional`).

    `known` is its row in the index, if its object is in the store. With `force`, no validators are sent.
    """
    etag, modified = (None, None) if known is None or force else validators(known)
    before = None if known is None else known.digest
    return Request(
        number, item.source, item.url, url_digest, limits, item.headers,
        etag, modified, before, item.page, item.title, clock, known,
    )  # fmt: skip

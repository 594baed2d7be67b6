"""Items: what is wanted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from airnub_core.http.settings import NetworkSettings
from airnub_core.store.source_name import checked_source_name, found


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
            raise ValueError(f"Item.source: {error}, found {found(self.source)}") from None
        try:
            self.url.encode()
        except UnicodeEncodeError:
            raise ValueError("Item.url: expected text that UTF-8 can encode, found half a surrogate pair") from None

"""Withdrawals: URLs that have no current object any more, as JSON in the store, for the rebuild of an index.

    <store>/.withdrawn/<source>/<SHA-256 of the URL>.json

Objects and manifests are kept. A response to a request sent after the withdrawal makes the URL current again.
"""

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from airnub_core.errors import StoreError
from airnub_core.store.manifest import Manifest, damaged

if TYPE_CHECKING:
    from airnub_core.store.base import Store
    from airnub_core.store.index import Index

FOLDER = ".withdrawn"
"""Folder of withdrawals, beside the folders of sources, whose names never start with a dot."""
_SUFFIX = ".json"
_SCHEMA_VERSION = 1


class Withdrawal(NamedTuple):
    """The withdrawal of a URL of a source."""

    source: str
    url_digest: str
    """SHA-256 of the complete URL, 64 hexadecimal digits."""
    url: str
    """The redacted URL."""
    withdrawn_at: str
    """Time by the clock of the index, ISO 8601 in UTC; responses to later requests make the URL current again."""
    reason: str
    """The reason, in a few words."""

    @property
    def path(self) -> str:
        """Path of the withdrawal, relative to the store."""
        return withdrawal_path(self.source, self.url_digest)

    def ends(self, manifest: Manifest) -> bool:
        """Whether this withdrawal is not earlier than the request of a manifest of the same URL."""
        return self.withdrawn_at >= manifest.fetched_at.astimezone(UTC).isoformat()

    @classmethod
    def parse(cls, content: bytes, where: str) -> Self:
        """Parse a withdrawal; `where` is its path for messages.

        Raises:
            DamagedManifestError: the content is not a withdrawal.
        """
        try:
            stored = _Stored.model_validate_json(content)
        except ValidationError as error:
            raise damaged(where, "a withdrawal", error) from error
        at = stored.withdrawn_at.astimezone(UTC).isoformat()
        return cls(stored.source, stored.url_digest, stored.url, at, stored.reason)

    def as_bytes(self) -> bytes:
        """Return the withdrawal as indented JSON in UTF-8."""
        stored = _Stored.model_validate({"schema_version": _SCHEMA_VERSION, **self._asdict()})
        return (stored.model_dump_json(indent=2) + "\n").encode()


class _Stored(BaseModel):
    # Unknown fields, written by newer versions, are ignored.
    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_version: int = Field(ge=1)
    source: str
    url: str
    url_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    withdrawn_at: AwareDatetime
    reason: str


def withdrawal_path(source: str, url_digest: str) -> str:
    """Path of the withdrawal of a URL, relative to the store."""
    return f"{FOLDER}/{source}/{url_digest}{_SUFFIX}"


def withdraw(store: "Store", index: "Index", withdrawals: Sequence[Withdrawal]) -> list[bool]:
    """Withdraw URLs durably, in the index and in the store.

    Returns:
        Whether each URL is withdrawn now, in order. An unknown URL is not, nor is one checked after `withdrawn_at`.

    Raises:
        StoreError: the store or the index cannot be written; the next run that writes into the store completes it.
    """
    withdrawn = index.withdraw(withdrawals)
    done = [one for one, is_withdrawn in zip(withdrawals, withdrawn, strict=True) if is_withdrawn]
    write_withdrawals(store, index, done)
    return withdrawn


def write_withdrawals(store: "Store", index: "Index", withdrawals: Sequence[Withdrawal]) -> None:
    """Write withdrawals of the index to the store, and record in the index that the store has them.

    Raises:
        StoreError: the store or the index cannot be written.
    """
    if not withdrawals:
        return
    try:
        store.withdraw(withdrawals)
    except OSError as error:
        raise StoreError.of(error, store.name) from error
    index.written(withdrawals)

"""Withdrawals: a URL whose bytes count no more, as JSON in the store, so that an index that is built anew knows of it.

    <store>/.withdrawn/<source>/<SHA-256 of the URL>.json

Objects and manifests stay. A manifest whose bytes were asked for after the withdrawal makes its URL current again.
"""

from collections.abc import Sequence
from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from airnub_core.errors import DamagedManifestError, StoreError
from airnub_core.store.manifest import Manifest

if TYPE_CHECKING:
    from airnub_core.store.index import Index
    from airnub_core.store.protocol import Store

FOLDER = ".withdrawn"
"""Beside the folders of sources, whose names begin with no dot."""
_SUFFIX = ".json"
_SCHEMA_VERSION = 1


class Withdrawal(NamedTuple):
    """A URL of a source that is withdrawn."""

    source: str
    url_digest: str
    """SHA-256 of the whole URL, 64 hexadecimal digits."""
    url: str
    """Redacted."""
    withdrawn_at: str
    """By the clock of the index, ISO 8601 in UTC. An answer to a later request makes the URL current again."""
    reason: str
    """Why, in a few words."""

    @property
    def path(self) -> str:
        """Where the store keeps it, relative to the store."""
        return withdrawal_path(self.source, self.url_digest)

    def ends(self, manifest: Manifest) -> bool:
        """Whether it is later than the request that brought the bytes of a manifest of this URL."""
        return self.withdrawn_at >= manifest.fetched_at.astimezone(UTC).isoformat()

    @classmethod
    def parse(cls, content: bytes, where: str) -> Self:
        """The withdrawal in some bytes; `where` they come from is for messages.

        Raises:
            DamagedManifestError: they are not a withdrawal.
        """
        try:
            stored = _Stored.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            at = ".".join(map(str, first["loc"])) or "the whole file"
            raise DamagedManifestError(where, f"expected a withdrawal, found: {at}: {first['msg']}") from error
        at = stored.withdrawn_at.astimezone(UTC).isoformat()
        return cls(stored.source, stored.url_digest, stored.url, at, stored.reason)

    def as_bytes(self) -> bytes:
        """The JSON that the store keeps."""
        stored = _Stored.model_validate({"schema_version": _SCHEMA_VERSION, **self._asdict()})
        return (stored.model_dump_json(indent=2) + "\n").encode()


class _Stored(BaseModel):
    # Those of newer versions may say more: what is not known is left alone.
    model_config = ConfigDict(extra="ignore", frozen=True)

    schema_version: int = Field(ge=1)
    source: str
    url: str
    url_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    withdrawn_at: AwareDatetime
    reason: str


def withdrawal_path(source: str, url_digest: str) -> str:
    """Where the store keeps the withdrawal of a URL, if it is withdrawn; relative to the store."""
    return f"{FOLDER}/{source}/{url_digest}{_SUFFIX}"


def withdraw(store: "Store", index: "Index", withdrawals: Sequence[Withdrawal]) -> list[bool]:
    """Withdraw URLs, so that it survives a power loss and a new index; in their order, whether each is withdrawn now.

    A URL that was answered after `withdrawn_at`, or that is not known, is not.

    Raises:
        StoreError: the store or the index cannot be written; the next run that writes into the store does the rest.
    """
    withdrawn = index.withdraw(withdrawals)
    done = [one for one, is_withdrawn in zip(withdrawals, withdrawn, strict=True) if is_withdrawn]
    write_withdrawals(store, index, done)
    return withdrawn


def write_withdrawals(store: "Store", index: "Index", withdrawals: Sequence[Withdrawal]) -> None:
    """Write withdrawals that the index has into the store, and note in the index that the store has them.

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

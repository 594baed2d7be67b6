"""Store location: a folder, or a bucket with a local folder; plain values, which can be sent to other processes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from airnub_common import redact_url
from airnub_core.errors import StoreError
from airnub_core.store.layout import HIDDEN

if TYPE_CHECKING:
    from airnub_core.store.protocol import Store

PREFIX = "AIRNUB_STORE_"
"""Of environment variables that stand in for blocks of the Prefect server."""


@dataclass(frozen=True, slots=True, repr=False)
class BucketAddress:
    """A bucket, where in it, and how to get in; it shows no secret."""

    url: str
    """`s3://bucket/prefix`, `gs://bucket/prefix`, or any other scheme of obstore."""
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    """As obstore names them: `access_key_id`, `secret_access_key`, `region`, `endpoint`, …; what is missing comes from
    the environment: https://developmentseed.org/obstore/latest/api/store/aws/"""

    @property
    def name(self) -> str:
        """The URL as it may be shown."""
        return redact_url(self.url).rstrip("/")

    def __repr__(self) -> str:
        """The URL, and which options there are: their values may be secrets."""
        return f"BucketAddress({self.name!r}, {', '.join(sorted(self.options)) or 'no options'})"


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """Where a store, its index and what is on its way into it are."""

    objects: Path | BucketAddress
    """A folder, or object storage."""
    index: str | None = field(default=None, repr=False)
    """The URL of a PostgreSQL database, `None` for SQLite in the local folder."""
    local: Path | None = None
    """A folder of this machine; that of the objects, where they are in one."""

    @classmethod
    def at(cls, place: "Path | StoreLocation") -> "StoreLocation":
        """A location, or that of a folder with its index beside it."""
        return cls(place) if isinstance(place, Path) else place

    @property
    def hidden(self) -> Path:
        """A local folder for what is not an object: staged and partial files, the index.

        Raises:
            StoreError: the objects are in object storage, and no local folder is given.
        """
        folder = self.local or (self.objects if isinstance(self.objects, Path) else None)
        if folder is None:
            raise StoreError(self.name, "expected a local folder for what is on its way into the bucket, found none")
        return folder / HIDDEN

    @property
    def name(self) -> str:
        """For messages."""
        return str(self.objects) if isinstance(self.objects, Path) else self.objects.name

    def store(self) -> "Store":
        """The objects.

        Raises:
            StoreError: it is in object storage, and what that takes is not installed.
        """
        if isinstance(self.objects, Path):
            from airnub_core.store.objects import ContentStore

            return ContentStore(self.objects)
        try:
            from airnub_core.store.bucket_store import BucketStore
        except ImportError as error:
            reason = f"expected obstore, found none ({error}); install airnub-core[buckets]"
            raise StoreError(self.name, reason) from error
        return BucketStore(self.objects)


def block_variable(block: str) -> str:
    """The environment variable that stands in for a block, with the URL of a bucket.

    >>> block_variable("s3-bucket/airnub-data")
    'AIRNUB_STORE_AIRNUB_DATA'
    """
    return PREFIX + block.partition("/")[2].upper().replace("-", "_")


def bucket_url(url: str) -> str:
    """A URL of a bucket, without a slash at its end.

    Raises:
        ValueError: it is of a different form, or has credentials in it.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in {"s3", "gs", "az"} or not rest.strip("/") or "@" in rest.partition("/")[0]:
        raise ValueError("expected a URL such as s3://bucket/prefix, without credentials")
    return url.rstrip("/")

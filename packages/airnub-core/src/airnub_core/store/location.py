"""Store location: a folder, or a bucket with a local folder; plain values, which can be sent to other processes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from airnub_common import redact_url
from airnub_core.errors import StoreError
from airnub_core.store.layout import HIDDEN

if TYPE_CHECKING:
    from airnub_core.store.base import Store

PREFIX = "AIRNUB_STORE_"
"""Prefix of environment variables that replace blocks of the Prefect server."""


@dataclass(frozen=True, slots=True, repr=False)
class BucketAddress:
    """URL of a bucket with a prefix, and its credentials; they are not in its representation."""

    url: str
    """`s3://bucket/prefix`, `gs://bucket/prefix`, or any other scheme of obstore."""
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Options of obstore: `access_key_id`, `secret_access_key`, `region`, `endpoint`, …; missing ones are read from the
    environment: https://developmentseed.org/obstore/latest/api/store/aws/"""

    @property
    def name(self) -> str:
        """The redacted URL, for messages."""
        return redact_url(self.url).rstrip("/")

    def __repr__(self) -> str:
        """The redacted URL and the names of the options, without their values, which may be secrets."""
        return f"BucketAddress({self.name!r}, {', '.join(sorted(self.options)) or 'no options'})"


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """Locations of the objects, the index and the local files of a store."""

    objects: Path | BucketAddress
    """The folder or bucket of the objects."""
    index: str | None = field(default=None, repr=False)
    """URL of a PostgreSQL database; `None` for SQLite in the local folder."""
    local: Path | None = None
    """A local folder for staging; `None` for the folder of the objects."""

    @classmethod
    def at(cls, place: "Path | StoreLocation") -> "StoreLocation":
        """Return a location unchanged; a path becomes the location of a store in this folder, with SQLite."""
        return cls(place) if isinstance(place, Path) else place

    @property
    def hidden(self) -> Path:
        """The local hidden folder for staged and partial files and for an SQLite index.

        Raises:
            StoreError: the objects are in a bucket, and no local folder is given.
        """
        folder = self.local or (self.objects if isinstance(self.objects, Path) else None)
        if folder is None:
            raise StoreError(
                self.name, "expected a local folder for staged files, found none; name one beside the bucket"
            )
        return folder / HIDDEN

    @property
    def name(self) -> str:
        """The location of the objects, for messages."""
        return str(self.objects) if isinstance(self.objects, Path) else self.objects.name

    def store(self) -> "Store":
        """Open the store of the objects.

        Raises:
            StoreError: the store is in a bucket, and obstore is not installed.
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
    """Name of the environment variable with the URL of a bucket that replaces a block.

    >>> block_variable("s3-bucket/airnub-data")
    'AIRNUB_STORE_AIRNUB_DATA'
    """
    return PREFIX + block.partition("/")[2].upper().replace("-", "_")


def bucket_url(url: str) -> str:
    """Validate the URL of a bucket, and return it without a trailing slash.

    Raises:
        ValueError: the URL is not one of a bucket, or contains credentials.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in {"s3", "gs", "az"} or not rest.strip("/") or "@" in rest.partition("/")[0]:
        raise ValueError("expected a URL such as s3://bucket/prefix, without credentials")
    return url.rstrip("/")

"""The protocol of a store: the methods that every kind of store implements."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from airnub_core.errors import DamagedManifestError, StoreError
from airnub_core.store.layout import Staged
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import Withdrawal


@dataclass(frozen=True, slots=True)
class PublishResult:
    """A published object; paths are relative to the store."""

    path: str
    """Path of the object; its file name differs from the staged one if the bytes were stored before."""
    manifest_path: str
    new: bool
    """Whether the store did not have the bytes before."""


class Store(Protocol):
    """Stores objects by digest, with their manifests beside them. Paths are relative to the store, with `/`.

    Raises:
        StoreError, OSError: the store cannot be read or written; every method may.
    """

    takes_logs: ClassVar[bool]
    """Whether staged bodies can be made durable by write-ahead logs."""

    @property
    def name(self) -> str:
        """The location of the store for messages: a folder, or the URL of a bucket."""
        ...

    def publish(self, batch: Sequence[Staged]) -> list[PublishResult | StoreError]:
        """Publish staged bodies durably; the store takes over their staged folders.

        A URL that brings the same bytes again keeps its manifest, unless it was withdrawn in between: then the new
        manifest replaces the old one and makes the URL current again. If it raises, no staged body is lost.

        Returns:
            One entry per body, in order: its location, or the error of this body, whose staged folder stays as it was.
        """
        ...

    def make_durable(self, paths: Iterable[str]) -> None:
        """Make the objects at these paths durable, so that they survive a power loss."""
        ...

    def close(self) -> None:
        """End publishing, and remove what was kept for crash recovery."""
        ...

    def read(self, path: str, digest: str) -> bytes:
        """The bytes of an object; DamagedObjectError if they do not match the digest or cannot be read."""
        ...

    def pieces(self, path: str, digest: str) -> Iterator[bytes | memoryview]:
        """The bytes of an object in chunks of about 1 MiB; DamagedObjectError after the last if the digest differs."""
        ...

    def digest(self, path: str) -> tuple[str, int]:
        """Hash an object; returns digest and size in bytes. DamagedObjectError if the object is missing."""
        ...

    def has(self, path: str, size: int) -> bool:
        """Whether an object of this size exists, as far as a cheap check shows; its bytes are not read."""
        ...

    def objects(self) -> Iterator[str]:
        """The paths of all objects, in order, without manifests."""
        ...

    def manifest(self, path: str) -> Manifest:
        """The manifest at a path; DamagedManifestError if it cannot be read or does not belong there."""
        ...

    def manifests(self, source: str | None = None) -> Iterator[tuple[str, Manifest | DamagedManifestError]]:
        """The paths and contents of all manifests, in the order of their paths; damaged ones as errors."""
        ...

    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> None:
        """Record withdrawals of URLs durably; the later of two withdrawals of one URL is kept."""
        ...

    def withdrawals(self) -> Iterator[Withdrawal | DamagedManifestError]:
        """All recorded withdrawals, in the order of their paths; damaged ones as errors."""
        ...

    def remove(self, path: str) -> None:
        """Remove an object or a manifest."""
        ...

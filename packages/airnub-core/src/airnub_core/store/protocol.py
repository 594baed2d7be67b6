"""What a store does, wherever it keeps its objects: all that a new one has to have."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from airnub_core.errors import DamagedManifestError, StoreError
from airnub_core.store.layout import Staged
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import Withdrawal


@dataclass(frozen=True, slots=True)
class PublishResult:
    """An object in its place; paths are relative to the store."""

    path: str
    """Of the object; under a different name than staged where the bytes were there already."""
    manifest_path: str
    new: bool
    """Whether its bytes were not in the store before."""


class Store(Protocol):
    """Objects by digest, their manifests beside them. Paths are relative to the store, with `/`.

    Raises:
        StoreError, OSError: the store cannot be read or written; every method may.
    """

    takes_logs: ClassVar[bool]
    """Whether write-ahead logs make what is staged durable for it."""

    @property
    def name(self) -> str:
        """Where it is, for messages: a folder, or the URL of a bucket."""
        ...

    def publish(self, batch: Sequence[Staged]) -> list[PublishResult | StoreError]:
        """Give staged bytes their places; durable when it returns, and their staged folders belong to the store.

        A URL that brings the same bytes again keeps its manifest, unless it was withdrawn in between: then the newer
        manifest, which makes it current again, takes the place of the older one. Where it raises, nothing that is
        staged is lost.

        Returns:
            In order, where each lies, or why it alone could not be published: its staged folder is left as it was.
        """
        ...

    def make_durable(self, paths: Iterable[str]) -> None:
        """Return when objects that lie at these paths will survive a power loss."""
        ...

    def close(self) -> None:
        """Nothing more is published; what was kept for the case of a crash goes."""
        ...

    def read(self, path: str, digest: str) -> bytes:
        """The bytes of an object; DamagedObjectError where they are not those of the digest, or cannot be read."""
        ...

    def pieces(self, path: str, digest: str) -> Iterator[bytes | memoryview]:
        """The same in pieces of about 1 MiB; whether they are those of the digest is known behind the last one."""
        ...

    def digest(self, path: str) -> tuple[str, int]:
        """The digest of an object's bytes, hashed again, and their number; DamagedObjectError where it is not there."""
        ...

    def has(self, path: str, size: int) -> bool:
        """Whether there is an object of this size, as far as that is known cheaply; its bytes are not looked at."""
        ...

    def objects(self) -> Iterator[str]:
        """Every object's path, in order; manifests are left out."""
        ...

    def manifest(self, path: str) -> Manifest:
        """The manifest at a path; DamagedManifestError where it cannot be read, or does not belong there."""
        ...

    def manifests(self, source: str | None = None) -> Iterator[tuple[str, Manifest | DamagedManifestError]]:
        """Every manifest's path with what is in it, in the order of their paths; damaged ones as errors."""
        ...

    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> None:
        """Keep that these URLs are withdrawn; durable when it returns. Of two of one URL the later one stays."""
        ...

    def withdrawals(self) -> Iterator[Withdrawal | DamagedManifestError]:
        """What `withdraw` has kept, in the order of the paths; damaged ones as errors."""
        ...

    def remove(self, path: str) -> None:
        """Remove an object or a manifest."""
        ...

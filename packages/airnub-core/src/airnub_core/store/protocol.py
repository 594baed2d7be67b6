"""What a store does, wherever it keeps its objects."""

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
    """Of the object; under another name than staged where the bytes were there already."""
    manifest_path: str
    new: bool
    """Whether its bytes were not in the store before."""


class Store(Protocol):
    """Objects by digest, their manifests beside them. Paths are relative to the store, with `/`."""

    takes_logs: ClassVar[bool]
    """Whether write-ahead logs make what is staged durable for it."""

    @property
    def name(self) -> str:
        """Where it is, for messages: a folder, or the URL of a bucket."""
        ...

    def publish(self, batch: Sequence[Staged]) -> list[PublishResult | StoreError]:
        """Give staged bytes their places; durable when it returns, and their staged folders belong to the store.

        A URL that brings the same bytes again keeps its manifest, unless it was withdrawn in between: then the newer
        manifest, which makes it current again, takes the place of the older one.

        Returns:
            In order, where each lies, or why it alone could not be published: its staged folder is left as it was.

        Raises:
            StoreError, OSError: none of them can be; nothing that is staged is lost.
        """
        ...

    def make_durable(self, paths: Iterable[str]) -> None:
        """Return when objects that lie at these paths will survive a power loss.

        Raises:
            OSError: the disk did not take them.
        """
        ...

    def close(self) -> None:
        """Nothing more is published; what was kept for the case of a crash goes.

        Raises:
            OSError: the disk did not take it.
        """
        ...

    def read(self, path: str, digest: str) -> bytes:
        """The bytes of an object.

        Raises:
            DamagedObjectError: they are not those of the digest, or cannot be read.
        """
        ...

    def pieces(self, path: str, digest: str) -> Iterator[bytes | memoryview]:
        """The bytes of an object in pieces of about 1 MiB, for those that are larger than memory.

        Raises:
            DamagedObjectError: they are not those of the digest, which is known behind the last piece; or they cannot
                be read.
            StoreError: the store cannot be read.
        """
        ...

    def has(self, path: str, size: int) -> bool:
        """Whether there is an object of this size, as far as that is known cheaply; its bytes are not looked at."""
        ...

    def manifest(self, path: str) -> Manifest:
        """The manifest at a path.

        Raises:
            DamagedManifestError: it cannot be read, or does not belong there.
        """
        ...

    def manifests(self, source: str | None = None) -> Iterator[tuple[str, Manifest | DamagedManifestError]]:
        """Every manifest's path with what is in it, in the order of their paths; damaged ones as errors."""
        ...

    def objects(self) -> Iterator[str]:
        """Every object's path, in order; manifests are left out."""
        ...

    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> None:
        """Keep that these URLs are withdrawn; durable when it returns. Of two withdrawals of a URL the later one stays.

        Raises:
            StoreError, OSError: the store cannot be written.
        """
        ...

    def withdrawals(self) -> Iterator[Withdrawal | DamagedManifestError]:
        """What `withdraw` has kept, in the order of the paths; damaged ones as errors."""
        ...

    def digest(self, path: str) -> tuple[str, int]:
        """Hash an object again: its digest, and its size in bytes.

        Raises:
            DamagedObjectError: it cannot be read.
        """
        ...

    def remove(self, path: str) -> None:
        """Remove an object or a manifest.

        Raises:
            OSError, StoreError: it cannot be removed.
        """
        ...

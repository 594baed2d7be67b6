"""Base of all kinds of store: the methods of a store, and the reading and validating that all kinds share.

A kind of store is a subclass of `Store` with the abstract methods, such as `objects.ContentStore` (a folder) and
`bucket_store.BucketStore` (object storage); `location.StoreLocation` opens it, and `tests/store/test_base.py` tests
every kind.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from airnub_common import ALGORITHM, digest_of, hex_of
from airnub_core.errors import DamagedManifestError, DamagedObjectError, StoreError
from airnub_core.store.layout import SUFFIX, Staged, object_path
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import Withdrawal, withdrawal_path

PIECE = 1 << 20
"""Chunk size in bytes for reading objects."""

Thing = TypeVar("Thing")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class PublishResult:
    """A published object; paths are relative to the store."""

    path: str
    """Path of the object; its file name differs from the staged one if the bytes were stored before."""
    manifest_path: str
    new: bool
    """Whether the store did not have the bytes before."""


class Store(ABC):
    """Stores objects by digest, with their manifests beside them. Paths are relative to the store, with `/`.

    Raises:
        StoreError, OSError: the store cannot be read or written; every method may.
    """

    takes_logs: ClassVar[bool]
    """Whether staged bodies can be made durable by write-ahead logs."""

    name: str
    """The location of the store for messages: a folder, or the URL of a bucket."""

    @abstractmethod
    def publish(self, batch: Sequence[Staged]) -> list[PublishResult | StoreError]:
        """Publish staged bodies durably; the store takes over their staged folders.

        A URL that brings the same bytes again keeps its manifest, unless it was withdrawn in between: then the new
        manifest replaces the old one and makes the URL current again. If it raises, no staged body is lost.

        Returns:
            One entry per body, in order: its location, or the error of this body, whose staged folder stays as it was.
        """

    @abstractmethod
    def make_durable(self, paths: Iterable[str]) -> None:
        """Make the objects at these paths durable, so that they survive a power loss."""

    @abstractmethod
    def close(self) -> None:
        """End publishing, and remove what was kept for crash recovery."""

    @abstractmethod
    def has(self, path: str, size: int) -> bool:
        """Whether an object of this size exists, as far as a cheap check shows; its bytes are not read."""

    @abstractmethod
    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> None:
        """Record withdrawals of URLs durably; the later of two withdrawals of one URL is kept."""

    @abstractmethod
    def remove(self, path: str) -> None:
        """Remove an object or a manifest."""

    @abstractmethod
    def _content(self, path: str) -> bytes:
        """Read a file. Raises OSError if the file cannot be read, StoreError if the store is unreachable."""

    @abstractmethod
    def _pieces(self, path: str) -> Iterator[bytes | memoryview]:
        """Read a file in chunks of about `PIECE` bytes; raises as `_content`."""

    @abstractmethod
    def _paths(self, source: str | None = None, ending: str = "") -> Iterator[str]:
        """List objects and manifests in order, optionally only of a source and with a suffix."""

    @abstractmethod
    def _withdrawal_paths(self) -> Iterator[str]:
        """List withdrawals in order."""

    def _each(self, work: Callable[[Thing], Result], things: Iterable[Thing]) -> Iterator[Result]:
        """Map `work` over `things`, in order; a bucket does so concurrently."""
        return map(work, things)

    def read(self, path: str, digest: str) -> bytes:
        """The bytes of an object; DamagedObjectError if they do not match the digest or cannot be read."""
        try:
            content = self._content(path)
        except OSError as error:
            raise self._unreadable(path, error) from error
        self._check(path, digest, digest_of(content))
        return content

    def pieces(self, path: str, digest: str) -> Iterator[bytes | memoryview]:
        """The bytes of an object in chunks of about 1 MiB; DamagedObjectError after the last if the digest differs."""
        hashed = hashlib.new(ALGORITHM)
        try:
            for piece in self._pieces(path):
                hashed.update(piece)
                yield piece
        except OSError as error:
            raise self._unreadable(path, error) from error
        self._check(path, digest, f"{ALGORITHM}:{hashed.hexdigest()}")

    def digest(self, path: str) -> tuple[str, int]:
        """Hash an object; returns digest and size in bytes. DamagedObjectError if the object is missing."""
        hashed, size = hashlib.new(ALGORITHM), 0
        try:
            for piece in self._pieces(path):
                hashed.update(piece)
                size += len(piece)
        except OSError as error:
            raise self._unreadable(path, error) from error
        return f"{ALGORITHM}:{hashed.hexdigest()}", size

    def objects(self) -> Iterator[str]:
        """The paths of all objects, in order, without manifests."""
        return (path for path in self._paths() if not path.endswith(SUFFIX))

    def manifest(self, path: str) -> Manifest:
        """The manifest at a path; DamagedManifestError if it cannot be read or does not belong there."""
        try:
            content = self._content(path)
        except OSError as error:
            raise DamagedManifestError(self._at(path), error.strerror or str(error)) from error
        manifest = Manifest.parse(content, self._at(path))
        expected = object_path(manifest.source, hex_of(manifest.digest), manifest.file_name)
        if manifest.path != expected or path.rpartition("/")[0] != expected.rpartition("/")[0]:
            raise DamagedManifestError(
                self._at(path), f"manifest is in the wrong folder: expected in the folder of {expected}, found here"
            )
        return manifest

    def manifests(self, source: str | None = None) -> Iterator[tuple[str, Manifest | DamagedManifestError]]:
        """The paths and contents of all manifests, in the order of their paths; damaged ones as errors."""
        return self._each(self._manifest_or_error, self._paths(source, SUFFIX))

    def withdrawals(self) -> Iterator[Withdrawal | DamagedManifestError]:
        """All recorded withdrawals, in the order of their paths; damaged ones as errors."""
        found = self._each(self._withdrawal_or_error, self._withdrawal_paths())
        return (one for one in found if one is not None)

    def _is_newer(self, withdrawal: Withdrawal) -> bool:
        """Whether a withdrawal is later than the existing one of its URL, if any."""
        before = self._withdrawal_or_error(withdrawal.path)
        return not isinstance(before, Withdrawal) or before.withdrawn_at < withdrawal.withdrawn_at

    def _is_withdrawn(self, manifest: Manifest) -> bool:
        """Whether a URL was withdrawn after the request for the bytes of its manifest."""
        withdrawal = self._withdrawal_or_error(withdrawal_path(manifest.source, manifest.url_digest))
        # If the withdrawal is damaged, the newer manifest may always replace the old one.
        return isinstance(withdrawal, DamagedManifestError) or (withdrawal is not None and withdrawal.ends(manifest))

    def _manifest_or_error(self, path: str) -> tuple[str, Manifest | DamagedManifestError]:
        try:
            return path, self.manifest(path)
        except DamagedManifestError as error:
            return path, error

    def _withdrawal_or_error(self, path: str) -> Withdrawal | DamagedManifestError | None:
        """Read the withdrawal at a path; `None` if there is none."""
        try:
            return Withdrawal.parse(self._content(path), self._at(path))
        except FileNotFoundError:
            return None
        except DamagedManifestError as error:
            return error

    def _check(self, path: str, expected: str, found: str) -> None:
        if found != expected:
            raise DamagedObjectError(self._at(path), f"expected {expected}, found {found}")

    def _unreadable(self, path: str, error: OSError) -> DamagedObjectError:
        return DamagedObjectError(self._at(path), error.strerror or str(error))

    def _at(self, path: str) -> str:
        return f"{self.name}/{path}"


def failure_of(error: OSError | StoreError, place: str) -> StoreError:
    """Convert the error of an object that could not be published to StoreError."""
    if isinstance(error, StoreError):
        return error
    failure = StoreError.of(error, place)
    failure.__cause__ = error
    return failure

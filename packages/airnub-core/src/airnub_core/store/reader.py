"""Store reader: read and validate objects, manifests and withdrawals; shared by all kinds of store."""

import hashlib
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from typing import TypeVar

from airnub_common import ALGORITHM, digest_of, hex_of
from airnub_core.errors import DamagedManifestError, DamagedObjectError, StoreError
from airnub_core.store.layout import SUFFIX, object_path
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import Withdrawal, withdrawal_path

PIECE = 1 << 20
"""Chunk size in bytes for reading objects."""

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class StoreReader(ABC):
    """The reading methods of a `Store`, based on abstract methods for a folder or a bucket.

    Paths are relative to the store, with `/`.
    """

    name: str
    """The location of the store for messages: a folder, or the URL of a bucket."""

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
        try:
            content = self._content(path)
        except OSError as error:
            raise self._unreadable(path, error) from error
        self._check(path, digest, digest_of(content))
        return content

    def pieces(self, path: str, digest: str) -> Iterator[bytes | memoryview]:
        hashed = hashlib.new(ALGORITHM)
        try:
            for piece in self._pieces(path):
                hashed.update(piece)
                yield piece
        except OSError as error:
            raise self._unreadable(path, error) from error
        self._check(path, digest, f"{ALGORITHM}:{hashed.hexdigest()}")

    def digest(self, path: str) -> tuple[str, int]:
        hashed, size = hashlib.new(ALGORITHM), 0
        try:
            for piece in self._pieces(path):
                hashed.update(piece)
                size += len(piece)
        except OSError as error:
            raise self._unreadable(path, error) from error
        return f"{ALGORITHM}:{hashed.hexdigest()}", size

    def objects(self) -> Iterator[str]:
        return (path for path in self._paths() if not path.endswith(SUFFIX))

    def manifest(self, path: str) -> Manifest:
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
        return self._each(self._manifest_or_error, self._paths(source, SUFFIX))

    def withdrawals(self) -> Iterator[Withdrawal | DamagedManifestError]:
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


def in_order(pool: Executor, work: Callable[[Thing], Result], things: Iterable[Thing], ahead: int) -> Iterator[Result]:
    """Map `work` over `things` in a pool, and yield the results in order; at most `ahead` run ahead of the consumer."""
    waiting: deque[Future[Result]] = deque()
    try:
        for thing in things:
            waiting.append(pool.submit(work, thing))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()

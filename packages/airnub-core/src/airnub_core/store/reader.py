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
"""Bytes that are read at a time."""

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class StoreReader(ABC):
    """The reading half of a `Store`, over four questions that a folder and a bucket answer differently.

    Paths are relative to the store, with `/`.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """Where the store is, for messages: a folder, or the URL of a bucket."""

    @abstractmethod
    def _content(self, path: str) -> bytes:
        """All bytes at a path. Raises OSError where they cannot be read, StoreError where the store cannot."""

    @abstractmethod
    def _pieces(self, path: str) -> Iterator[bytes | memoryview]:
        """The same, in pieces of about `PIECE`."""

    @abstractmethod
    def _paths(self, source: str | None = None, ending: str = "") -> Iterator[str]:
        """Of all objects and manifests, or those of a source, whose names end so; in order."""

    @abstractmethod
    def _withdrawal_paths(self) -> Iterator[str]:
        """Of all withdrawals, in order."""

    def _each(self, work: Callable[[Thing], Result], things: Iterable[Thing]) -> Iterator[Result]:
        """The result of each thing, in their order."""
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
        """Whether a withdrawal is later than the one of its URL that is there."""
        before = self._withdrawal_or_error(withdrawal.path)
        return not isinstance(before, Withdrawal) or before.withdrawn_at < withdrawal.withdrawn_at

    def _is_withdrawn(self, manifest: Manifest) -> bool:
        """Whether a URL was withdrawn after the bytes of its manifest were asked for."""
        withdrawal = self._withdrawal_or_error(withdrawal_path(manifest.source, manifest.url_digest))
        # Where it is damaged, a newer manifest is right in any case.
        return isinstance(withdrawal, DamagedManifestError) or (withdrawal is not None and withdrawal.ends(manifest))

    def _manifest_or_error(self, path: str) -> tuple[str, Manifest | DamagedManifestError]:
        try:
            return path, self.manifest(path)
        except DamagedManifestError as error:
            return path, error

    def _withdrawal_or_error(self, path: str) -> Withdrawal | DamagedManifestError | None:
        """The withdrawal at a path; `None` where there is none."""
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
    """Why one object could not be published, as an error of the store."""
    if isinstance(error, StoreError):
        return error
    failure = StoreError.of(error, place)
    failure.__cause__ = error
    return failure


def in_order(pool: Executor, work: Callable[[Thing], Result], things: Iterable[Thing], ahead: int) -> Iterator[Result]:
    """The result of each thing, in their order; so many are worked on, or done, before their turn."""
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

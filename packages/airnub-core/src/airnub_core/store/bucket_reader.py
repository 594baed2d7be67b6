"""Reading the content store in object storage: objects, manifests and withdrawals that are there."""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from airnub_common import ALGORITHM, digest_of, hex_of
from airnub_core.errors import DamagedManifestError, DamagedObjectError
from airnub_core.store.bucket import Bucket
from airnub_core.store.bucket_address import BucketAddress
from airnub_core.store.layout import SUFFIX, object_path
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import FOLDER, Withdrawal

PARALLEL = 32
"""Requests at a time: most of a request is waiting."""
_DEPTH = 4

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class BucketReader:
    """What is below the prefix of a bucket; safe to use from several threads."""

    def __init__(self, address: BucketAddress) -> None:
        """Raises StoreError where the address is none; the bucket is not asked before it is used."""
        self._bucket = Bucket(address)
        self._workers = ThreadPoolExecutor(PARALLEL, thread_name_prefix="bucket")

    @property
    def name(self) -> str:
        """The URL of the bucket, with the prefix."""
        return self._bucket.name

    def read(self, path: str, digest: str) -> bytes:
        """The bytes of an object.

        Raises:
            DamagedObjectError: they are not those of the digest, or there are none.
            StoreError: the bucket cannot be read.
        """
        content = self._bucket.read(path)
        if content is None:
            raise self._missing(path)
        if (found := digest_of(content)) != digest:
            raise DamagedObjectError(self._at(path), f"expected {digest}, found {found}")
        return content

    def pieces(self, path: str, digest: str) -> Iterator[memoryview]:
        """The bytes of an object, a piece at a time.

        Raises:
            DamagedObjectError: they are not those of the digest, or there are none.
            StoreError: the bucket cannot be read.
        """
        found = self._bucket.pieces(path)
        if found is None:
            raise self._missing(path)
        hashed = hashlib.new(ALGORITHM)
        for piece in found:
            hashed.update(piece)
            yield piece
        if (actual := f"{ALGORITHM}:{hashed.hexdigest()}") != digest:
            raise DamagedObjectError(self._at(path), f"expected {digest}, found {actual}")

    def has(self, path: str, size: int) -> bool:  # noqa: ARG002  # to ask would cost a request for each known URL
        """True: object storage does not lose what it has taken."""
        return True

    def manifest(self, path: str) -> Manifest:
        """The manifest at a path.

        Raises:
            DamagedManifestError: it is none, is not there, or does not belong there.
            StoreError: the bucket cannot be read.
        """
        content = self._bucket.read(path)
        if content is None:
            raise DamagedManifestError(self._at(path), "No such object")
        manifest = Manifest.parse(content, self._at(path))
        expected = object_path(manifest.source, hex_of(manifest.digest), manifest.file_name)
        if manifest.path != expected or path.rpartition("/")[0] != expected.rpartition("/")[0]:
            raise DamagedManifestError(self._at(path), f"expected in the folder of {expected}, found here")
        return manifest

    def manifests(self, source: str | None = None) -> Iterator[tuple[str, Manifest | DamagedManifestError]]:
        """Every manifest's path with what is in it, in the order of their paths; damaged ones as errors.

        Raises:
            StoreError: the bucket cannot be read.
        """
        return self._each(self._read_manifest, (path for path in self._paths(source) if path.endswith(SUFFIX)))

    def objects(self) -> Iterator[str]:
        """Every object's path, in order; manifests are left out.

        Raises:
            StoreError: the bucket cannot be read.
        """
        for path in self._paths():
            if not path.endswith(SUFFIX):
                yield path

    def withdrawals(self) -> Iterator[Withdrawal | DamagedManifestError]:
        """What is withdrawn, in the order of the paths; damaged ones as errors.

        Raises:
            StoreError: the bucket cannot be read.
        """
        found = self._each(self._withdrawal_or_error, self._bucket.listed(f"{FOLDER}/"))
        return (one for one in found if one is not None)

    def digest(self, path: str) -> tuple[str, int]:
        """Hash an object again, in pieces: its digest, and its size in bytes.

        Raises:
            DamagedObjectError: it is not there.
            StoreError: the bucket cannot be read.
        """
        pieces = self._bucket.pieces(path)
        if pieces is None:
            raise self._missing(path)
        running, size = hashlib.new(ALGORITHM), 0
        for piece in pieces:
            running.update(piece)
            size += len(piece)
        return f"{ALGORITHM}:{running.hexdigest()}", size

    def _withdrawal_or_error(self, path: str) -> Withdrawal | DamagedManifestError | None:
        content = self._bucket.read(path)
        try:
            return None if content is None else Withdrawal.parse(content, self._at(path))
        except DamagedManifestError as error:
            return error

    def _read_manifest(self, path: str) -> tuple[str, Manifest | DamagedManifestError]:
        try:
            return path, self.manifest(path)
        except DamagedManifestError as error:
            return path, error

    def _paths(self, source: str | None = None) -> Iterator[str]:
        """Of objects and manifests; what is hidden, or lies elsewhere, is left out."""
        for path in self._bucket.listed(f"{source}/" if source else ""):
            parts = path.split("/")
            if len(parts) == _DEPTH and not parts[0].startswith(".") and not parts[-1].startswith("."):
                yield path

    def _each(self, work: Callable[[Thing], Result], things: Iterable[Thing]) -> Iterator[Result]:
        """What becomes of each thing, in their order; a few times `PARALLEL` are on their way."""
        waiting: deque[Future[Result]] = deque()
        try:
            for thing in things:
                waiting.append(self._workers.submit(work, thing))
                if len(waiting) > 2 * PARALLEL:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def _missing(self, path: str) -> DamagedObjectError:
        return DamagedObjectError(self._at(path), "No such object")

    def _at(self, path: str) -> str:
        return f"{self.name}/{path}"

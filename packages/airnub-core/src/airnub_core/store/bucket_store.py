"""The content store in object storage: every object once, under its digest, whole or not there.

    <source>/<hex[:2]>/<hex>/<file name>                            as in a folder: see `content_store.py`
                             <file name>.manifest.json
                             <file name>.<8 hex>.manifest.json
                             .name                                  the file name that these bytes go by
    .withdrawn/<source>/<hex of the URL>.json                       a URL that is withdrawn: see `withdrawal`
    .airnub/conditions                                              shows that conditions are kept
    .airnub/named                                                   they are, and every object has its `.name`

Nothing can be locked or renamed there, but a key can be created only where nothing is (`If-None-Match: *`), and one of
several who try is the one who did. That decides, for each file:

1. `.name` is created, with the file's name in it. Who finds one there reads it, and takes its name: two workers with
   equal bytes and different names go on with one name, and so with one key.
2. The object is created under that name. Whoever comes second, or again after a crash, finds it there: the same bytes,
   since the digest is in its key. Only one of the wrong size is replaced.
3. The manifest is created. It names what is there already; a run that ends before leaves an object without one, which
   the next run's manifest names, or `store gc` removes.

A new file costs three puts, and no listing: S3 asks for a listing what it asks for a put, and a listing could not
decide who was first. A further URL of equal bytes costs two puts and three gets. Puts are durable when they return.
"""

import hashlib
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, TypeVar

from airnub_common import ALGORITHM, digest_of, hex_of
from airnub_core.errors import DamagedManifestError, DamagedObjectError, StoreError
from airnub_core.store.bucket import Bucket
from airnub_core.store.bucket_address import BucketAddress
from airnub_core.store.manifest import Manifest
from airnub_core.store.protocol import Published
from airnub_core.store.staged import SUFFIX, Staged, object_name, object_path
from airnub_core.store.withdrawal import FOLDER, Withdrawal, withdrawal_path

NAME = ".name"
PROBE = ".airnub/conditions"
NAMED = ".airnub/named"
PARALLEL = 32
"""Requests at a time: most of a request is waiting."""
_DEPTH = 4

Thing = TypeVar("Thing")
Result = TypeVar("Result")


class BucketStore:
    """A `Store` below the prefix of a bucket; for any number of workers, and safe to use from several threads."""

    takes_logs: ClassVar[bool] = False

    def __init__(self, address: BucketAddress) -> None:
        """Raises StoreError where the address is none; the bucket is not asked before it is used."""
        self._bucket = Bucket(address)
        self._workers = ThreadPoolExecutor(PARALLEL, thread_name_prefix="bucket")
        self._preparing = threading.Lock()
        self._prepared = False
        self._published: list[str] = []
        """Staged folders of the last batch."""

    @property
    def name(self) -> str:
        """The URL of the bucket, with the prefix."""
        return self._bucket.name

    def publish(self, batch: Sequence[Staged]) -> list[Published | StoreError]:
        """Give staged bytes their places; durable when it returns.

        Their staged folders stay until the next batch or the end: a run that is killed before its index knows of them
        would otherwise fetch them again.

        Returns:
            In order, where each lies, or why it alone could not be published; after a failure no more is begun.

        Raises:
            StoreError: the bucket cannot be used; all that is staged is left, and may be published again.
        """
        if not batch:
            return []
        self._prepare()
        self._clear_away()
        futures = [self._workers.submit(self._publish, staged) for staged in batch]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            # Nobody reads what is staged when this returns.
            for future in futures:
                future.cancel()
            wait(futures)
        results = [self._result(staged, future) for staged, future in zip(batch, futures, strict=True)]
        self._published += [
            staged.folder for staged, one in zip(batch, results, strict=True) if not isinstance(one, StoreError)
        ]
        return results

    def make_durable(self, paths: Iterable[str]) -> None:
        """Nothing: what object storage has taken is safe."""

    def close(self) -> None:
        """Nothing more is published."""
        self._clear_away()
        self._workers.shutdown()

    def _clear_away(self) -> None:
        for folder in self._published:
            shutil.rmtree(folder, ignore_errors=True)
        self._published.clear()

    def _result(self, staged: Staged, future: Future[Published]) -> Published | StoreError:
        if future.cancelled():
            return StoreError(self._at(staged.source), "given up after another could not be written")
        try:
            return future.result()
        except StoreError as error:
            return error
        except OSError as error:
            told = StoreError.of(error, staged.folder)
            told.__cause__ = error
            return told

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

    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> None:
        """Keep that these URLs are withdrawn; durable when it returns.

        Raises:
            StoreError: the bucket cannot be written.
        """
        for _ in self._each(self._write_withdrawal, withdrawals):
            pass

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

    def remove(self, path: str) -> None:
        """Remove an object or a manifest; not while others write.

        Raises:
            StoreError: it cannot be removed.
        """
        folder, _, file_name = path.rpartition("/")
        # The name goes first: whoever finds it counts on its object.
        if not path.endswith(SUFFIX) and self._bucket.read(f"{folder}/{NAME}") == file_name.encode():
            self._bucket.delete(f"{folder}/{NAME}")
        self._bucket.delete(path)

    def _prepare(self) -> None:
        """Name the objects of a store that was copied here, and see that conditions are kept; once for a bucket."""
        with self._preparing:
            if not self._prepared and self._bucket.size(NAMED) is None:
                self._bucket.create(PROBE, b"")
                if self._bucket.create(PROBE, b""):
                    raise StoreError(
                        self.name,
                        "expected an object store with conditional puts (If-None-Match), found one that ignores them: "
                        "two workers would overwrite each other",
                    )
                for _ in self._each(self._name_existing, self.objects()):
                    pass
                self._bucket.create(NAMED, b"")
            self._prepared = True

    def _name_existing(self, path: str) -> None:
        folder, _, file_name = path.rpartition("/")
        self._bucket.create(f"{folder}/{NAME}", file_name.encode())

    def _publish(self, staged: Staged) -> Published:
        folder = object_path(staged.source, staged.hex_digits, "")
        name, named = self._named(folder + NAME, staged.file_name)
        path = folder + name
        arrived = Path(staged.folder)
        file = arrived / staged.file_name
        new = named and self._bucket.create(path, file)
        if not new and (size := self._bucket.size(path)) != staged.size:
            if size is None:
                new = self._bucket.create(path, file)
            else:
                self._bucket.replace(path, file)
        content = (arrived / (staged.file_name + SUFFIX)).read_bytes()
        if name != staged.file_name:
            manifest = Manifest.parse(content, staged.file_name + SUFFIX)
            content = replace(manifest, path=path, file_name=name).as_bytes()
        own = f"{path}.{staged.url_digest[:8]}{SUFFIX}"
        for place, free in ((path + SUFFIX, new), (own, True)):
            if self._claim(place, content, staged.url_digest, probably_free=free):
                return Published(path, place, new)
        raise DamagedManifestError(self._at(own), "names another URL of the same first 8 digits; two URLs collide here")

    def _named(self, key: str, file_name: str) -> tuple[str, bool]:
        """The name that the bytes of a digest go by, and whether it was given just now."""
        while True:
            if self._bucket.create(key, file_name.encode()):
                return file_name, True
            content = self._bucket.read(key)
            if content is None:
                continue  # removed in this moment
            name = content.decode(errors="replace")
            if name != object_name(name):
                raise StoreError(self._at(key), f"expected a file name, found {name[:200]!r}; remove this key")
            return name, False

    def _claim(self, place: str, content: bytes, url_digest: str, *, probably_free: bool) -> bool:
        """Whether the manifest at a place is that of this URL, be it now or since long."""
        if probably_free and self._bucket.create(place, content):
            return True
        known = self._bucket.read(place)
        if known is None:
            return self._claim(place, content, url_digest, probably_free=True)
        try:
            manifest = Manifest.parse(known, self._at(place))
        except DamagedManifestError:
            # Of no use to anybody.
            self._bucket.replace(place, content)
            return True
        if manifest.url_digest != url_digest:
            return False
        withdrawal = self._withdrawal_or_error(withdrawal_path(manifest.source, url_digest))
        # Where it is damaged, a newer manifest is right in any case.
        if isinstance(withdrawal, DamagedManifestError) or (withdrawal is not None and withdrawal.ends(manifest)):
            self._bucket.replace(place, content)
        return True

    def _withdrawal_or_error(self, path: str) -> Withdrawal | DamagedManifestError | None:
        content = self._bucket.read(path)
        try:
            return None if content is None else Withdrawal.parse(content, self._at(path))
        except DamagedManifestError as error:
            return error

    def _write_withdrawal(self, withdrawal: Withdrawal) -> None:
        before = self._withdrawal_or_error(withdrawal.path)
        if not isinstance(before, Withdrawal) or before.withdrawn_at < withdrawal.withdrawn_at:
            self._bucket.replace(withdrawal.path, withdrawal.as_bytes())

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

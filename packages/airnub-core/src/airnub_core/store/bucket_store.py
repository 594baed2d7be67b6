"""The content store in object storage: every object once, under its digest, whole or not there.

    <source>/<hex[:2]>/<hex>/<file name>                            as in a folder: see `objects.py`
                             <file name>.manifest.json
                             <file name>.<8 hex>.manifest.json
                             .name                                  the file name that these bytes go by
    .withdrawn/<source>/<hex of the URL>.json                       a URL that is withdrawn: see `withdrawal`
    .airnub/conditions                                              shows that conditions are kept
    .airnub/named                                                   they are, and every object has its `.name`

Nothing can be locked or renamed there, but a key can be created only where nothing is (`If-None-Match: *`), and one of
several workers that try is the one that did. That decides, for each file:

1. `.name` is created, with the file's name in it. A worker that finds one takes its name: two workers with
   equal bytes and different names go on with one name, and so with one key.
2. The object is created under that name. A second worker, or the same after a crash, finds it there: the same bytes,
   since the digest is in its key. Only one of the wrong size is replaced.
3. The manifest is created. It names what is there already; a run that ends before leaves an object without one, which
   the next run's manifest names, or `store gc` removes.

A new file costs three puts, and no listing: S3 asks for a listing what it asks for a put, and a listing could not
decide who was first. A further URL of equal bytes costs two puts and three gets. Puts are durable when they return.
"""

import errno
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from airnub_core.errors import DamagedManifestError, StoreError
from airnub_core.store.bucket import Bucket
from airnub_core.store.layout import SUFFIX, Staged, object_name, object_path
from airnub_core.store.location import BucketAddress
from airnub_core.store.manifest import Manifest
from airnub_core.store.protocol import PublishResult
from airnub_core.store.reader import Result, StoreReader, Thing, failure_of, in_order
from airnub_core.store.withdrawal import FOLDER, Withdrawal

PARALLEL = 32
"""Requests at a time: most of a request is waiting."""
_DEPTH = 4
"""Parts of the path of an object."""
NAME = ".name"
PROBE = ".airnub/conditions"
NAMED = ".airnub/named"


class BucketStore(StoreReader):
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
        return self._bucket.name

    def publish(self, batch: Sequence[Staged]) -> list[PublishResult | StoreError]:
        """As `Store.publish`; after a failure no more is begun.

        Staged folders stay until the next batch or the end: a run that is killed before its index knows of them would
        otherwise fetch them again.
        """
        if not batch:
            return []
        self._prepare()
        self._clear_away()
        futures = [self._workers.submit(self._publish, staged) for staged in batch]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            # Nothing that is staged is read after this returns.
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

    def _result(self, staged: Staged, future: Future[PublishResult]) -> PublishResult | StoreError:
        if future.cancelled():
            return StoreError(self._at(staged.source), "not tried: an object before it could not be written")
        try:
            return future.result()
        except (OSError, StoreError) as error:
            return failure_of(error, staged.folder)

    def has(self, path: str, size: int) -> bool:  # noqa: ARG002  # to ask would cost a request for each known URL
        """True: object storage does not lose what it has taken."""
        return True

    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> None:
        for _ in self._each(self._write_withdrawal, withdrawals):
            pass

    def remove(self, path: str) -> None:
        """Remove an object or a manifest; not while others write."""
        folder, _, file_name = path.rpartition("/")
        # The name goes first: a worker that finds it counts on its object.
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

    def _publish(self, staged: Staged) -> PublishResult:
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
                return PublishResult(path, place, new)
        raise DamagedManifestError(
            self._at(own), "short-hash collision: two URLs share the first 8 digits of their digest"
        )

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
        """Whether the manifest at a place is that of this URL, written now or before."""
        if probably_free and self._bucket.create(place, content):
            return True
        known = self._bucket.read(place)
        if known is None:
            return self._claim(place, content, url_digest, probably_free=True)
        try:
            manifest = Manifest.parse(known, self._at(place))
        except DamagedManifestError:
            self._bucket.replace(place, content)
            return True
        if manifest.url_digest != url_digest:
            return False
        if self._is_withdrawn(manifest):
            self._bucket.replace(place, content)
        return True

    def _write_withdrawal(self, withdrawal: Withdrawal) -> None:
        if self._is_newer(withdrawal):
            self._bucket.replace(withdrawal.path, withdrawal.as_bytes())

    def _content(self, path: str) -> bytes:
        return self._there(path, self._bucket.read(path))

    def _pieces(self, path: str) -> Iterator[memoryview]:
        return self._there(path, self._bucket.pieces(path))

    @staticmethod
    def _there(path: str, found: Result | None) -> Result:
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "No such object", path)
        return found

    def _paths(self, source: str | None = None, ending: str = "") -> Iterator[str]:
        """What is hidden, or lies elsewhere, is left out."""
        for path in self._bucket.listed(f"{source}/" if source else ""):
            parts = path.split("/")
            is_hidden = parts[0].startswith(".") or parts[-1].startswith(".")
            if len(parts) == _DEPTH and not is_hidden and path.endswith(ending):
                yield path

    def _withdrawal_paths(self) -> Iterator[str]:
        return self._bucket.listed(f"{FOLDER}/")

    def _each(self, work: Callable[[Thing], Result], things: Iterable[Thing]) -> Iterator[Result]:
        return in_order(self._workers, work, things, 2 * PARALLEL)

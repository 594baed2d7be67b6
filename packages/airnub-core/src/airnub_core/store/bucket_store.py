"""The content store in object storage: every object is stored once, under its digest, and appears atomically.

    <source>/<hex[:2]>/<hex>/<file name>                            as in a folder: see `objects.py`
                             <file name>.manifest.json
                             <file name>.<8 hex>.manifest.json
                             .name                                  the file name of the object
    .withdrawn/<source>/<hex of the URL>.json                       a withdrawn URL: see `withdrawal`
    .airnub/conditions                                              probe whether conditional puts work
    .airnub/named                                                   marks that they work and all objects have a `.name`

Object storage has no locks and no renames, but conditional puts (`If-None-Match: *`): of several workers that create
one key, exactly one succeeds. Each file is published in three such puts:

1. `.name`, which contains the file name. A worker that finds one uses the name in it, so that two workers with equal
   bytes and different file names write the same key.
2. The object, under that name. If a different worker, or this one before a crash, has created it, it has the same
   bytes, since the key contains the digest. It is replaced only if its size is wrong.
3. The manifest, after its object. A run that ends in between leaves an object without a manifest; the next run adds
   one, or `store gc` removes the object.

A new file takes three puts and no listing: on S3 a listing costs as much as a put, and could not decide which worker
was first. A further URL with equal bytes takes two puts and three gets. A put is durable when it returns.
"""

import errno
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from airnub_core.concurrency import in_order
from airnub_core.errors import DamagedManifestError, StoreError
from airnub_core.store.base import PublishResult, Result, Store, Thing, failure_of
from airnub_core.store.bucket import Bucket
from airnub_core.store.layout import SUFFIX, Staged, object_name, object_path
from airnub_core.store.location import BucketAddress
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import FOLDER, Withdrawal

PARALLEL = 32
"""Concurrent requests; a request is mostly waiting."""
_DEPTH = 4
"""Number of parts in the path of an object."""
NAME = ".name"
PROBE = ".airnub/conditions"
NAMED = ".airnub/named"


class BucketStore(Store):
    """A `Store` below the prefix of a bucket, for any number of workers; it is thread-safe."""

    takes_logs: ClassVar[bool] = False

    def __init__(self, address: BucketAddress) -> None:
        """Raises StoreError if the address is invalid; no request is sent before the first use."""
        self._bucket = Bucket(address)
        self.name = self._bucket.name
        self._workers = ThreadPoolExecutor(PARALLEL, thread_name_prefix="bucket")
        self._preparing = threading.Lock()
        self._prepared = False
        self._published: list[str] = []
        """Staged folders of the last batch."""

    def publish(self, batch: Sequence[Staged]) -> list[PublishResult | StoreError]:
        """Publish staged bodies as `Store.publish` says; after a failure no further upload is started.

        Staged folders stay until the next batch or the end, since a run that is killed before the index has recorded
        them would fetch them again otherwise.
        """
        if not batch:
            return []
        self._prepare()
        self._clear_away()
        futures = [self._workers.submit(self._publish, staged) for staged in batch]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            # No staged file may be read after this returns.
            for future in futures:
                future.cancel()
            wait(futures)
        results = [self._result(staged, future) for staged, future in zip(batch, futures, strict=True)]
        self._published += [
            staged.folder for staged, one in zip(batch, results, strict=True) if not isinstance(one, StoreError)
        ]
        return results

    def make_durable(self, paths: Iterable[str]) -> None:
        """Do nothing: in object storage every put is durable."""

    def close(self) -> None:
        """Remove staged folders and end the threads; nothing can be published afterwards."""
        self._clear_away()
        self._workers.shutdown()

    def _clear_away(self) -> None:
        for folder in self._published:
            shutil.rmtree(folder, ignore_errors=True)
        self._published.clear()

    def _result(self, staged: Staged, future: Future[PublishResult]) -> PublishResult | StoreError:
        if future.cancelled():
            return StoreError(self._at(staged.source), "not uploaded, since an earlier upload of the batch failed")
        try:
            return future.result()
        except (OSError, StoreError) as error:
            return failure_of(error, staged.folder)

    def has(self, path: str, size: int) -> bool:  # noqa: ARG002  # a check would cost a request for each known URL
        """Always true: object storage does not lose objects, and a request for each known URL would cost too much."""
        return True

    def withdraw(self, withdrawals: Sequence[Withdrawal]) -> None:
        for _ in self._each(self._write_withdrawal, withdrawals):
            pass

    def remove(self, path: str) -> None:
        """Remove an object or a manifest; only safe while no worker writes."""
        folder, _, file_name = path.rpartition("/")
        # The `.name` is removed first, since a worker that finds one expects its object.
        if not path.endswith(SUFFIX) and self._bucket.read(f"{folder}/{NAME}") == file_name.encode():
            self._bucket.delete(f"{folder}/{NAME}")
        self._bucket.delete(path)

    def _prepare(self) -> None:
        """Check that conditional puts work, and write the `.name` of objects copied from a folder; once per bucket."""
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
        """The file name of the object with a digest, and whether this call has created its `.name`."""
        while True:
            if self._bucket.create(key, file_name.encode()):
                return file_name, True
            content = self._bucket.read(key)
            if content is None:
                continue  # deleted in between
            name = content.decode(errors="replace")
            if name != object_name(name):
                raise StoreError(self._at(key), f"expected a file name, found {name[:200]!r}; remove this key")
            return name, False

    def _claim(self, place: str, content: bytes, url_digest: str, *, probably_free: bool) -> bool:
        """Whether the manifest at a path belongs to this URL; it is written if there is none."""
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
        """Paths of objects and manifests; hidden keys and keys outside of the layout are skipped."""
        for path in self._bucket.listed(f"{source}/" if source else ""):
            parts = path.split("/")
            is_hidden = parts[0].startswith(".") or parts[-1].startswith(".")
            if len(parts) == _DEPTH and not is_hidden and path.endswith(ending):
                yield path

    def _withdrawal_paths(self) -> Iterator[str]:
        return self._bucket.listed(f"{FOLDER}/")

    def _each(self, work: Callable[[Thing], Result], things: Iterable[Thing]) -> Iterator[Result]:
        return in_order(self._workers, work, things, 2 * PARALLEL)

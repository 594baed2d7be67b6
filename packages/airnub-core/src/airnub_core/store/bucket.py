"""Bucket: one interface to S3, Google Cloud Storage and Azure; no other module imports obstore.

Errors are translated: those of obstore hold whole answers of the server, and with them names of keys and signed URLs.
"""

import mmap
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotSupportedError
from obstore.store import from_url

from airnub_core.errors import StoreError
from airnub_core.store.location import BucketAddress

LARGE = 8 << 20
"""Bytes; what is larger goes in parts of at least this size, as many at a time as `MEMORY` holds."""
MEMORY = 32 << 20
"""Bytes on their way at any time, whatever the number and the size of the files."""
MAX_PARTS = 10_000
"""Of one object; S3 allows no more: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""
_READ = 1 << 20
# An attempt after 0.1, 0.2, 0.4 … seconds, with jitter; a store that does not answer within a minute fails the run.
_RETRIES: Any = {
    "max_retries": 5,
    "retry_timeout": timedelta(seconds=60),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=10), "base": 2},
}
_TIMEOUTS = {"connect_timeout": "5s", "timeout": "120s"}
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w+)</Code>")
_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound"}
_CREDENTIALS = {
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "AuthenticationFailed",
}  # fmt: skip

Answer = TypeVar("Answer")


class Bucket:
    """Keys and bytes below the prefix of an address. Each call is whole or has not happened.

    Raises:
        StoreError: the bucket cannot be reached, is not there, or refuses.
    """

    def __init__(self, address: BucketAddress) -> None:
        self.name = address.name
        self._endpoint = address.options.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL")
        # Without TLS only where the address says so in so many words.
        client: Any = _TIMEOUTS | {"allow_http": (self._endpoint or "").startswith("http://")}
        config: Any = dict(address.options)
        self._memory = _Allowance(MEMORY)
        with self._translated():
            self._store: Any = from_url(address.url, config=config, client_options=client, retry_config=_RETRIES)

    def create(self, key: str, content: bytes | Path) -> bool:
        """Put a few bytes, or those of a file, where nothing is; `False` where something is, which is not touched.

        Storage has no condition for bytes that come in parts: for those of more than `LARGE` existence is checked
        before the first part and before the last. A concurrent writer writes the same bytes, where keys follow from
        digests.

        Raises:
            StoreError: see the class.
            OSError: the file cannot be read.
        """
        if isinstance(content, Path) and _size(content) > LARGE:
            if self.size(key) is not None:
                return False
            try:
                self._put_in_parts(key, content, unless_there=True)
            except _AlreadyThereError:
                return False
            return True
        try:
            self._put(key, content, "create")
        except AlreadyExistsError:
            return False
        return True

    def replace(self, key: str, content: bytes | Path) -> None:
        """Put a few bytes, or those of a file, whatever is there.

        Raises:
            StoreError: see the class.
            OSError: the file cannot be read.
        """
        if isinstance(content, Path) and _size(content) > LARGE:
            self._put_in_parts(key, content, unless_there=False)
        else:
            self._put(key, content, "overwrite")

    def read(self, key: str) -> bytes | None:
        """The bytes, `None` where there are none; for what is small."""
        return self._unless_missing(lambda: bytes(obstore.get(self._store, key).bytes()))

    def pieces(self, key: str) -> Iterator[memoryview] | None:
        """The bytes in pieces of about 1 MiB, `None` where there are none."""
        answer = self._unless_missing(lambda: obstore.get(self._store, key))
        return None if answer is None else self._streamed(answer)

    def size(self, key: str) -> int | None:
        """In bytes, `None` where nothing is."""
        return self._unless_missing(lambda: int(obstore.head(self._store, key)["size"]))

    def listed(self, folder: str = "", *, before: datetime | None = None) -> Iterator[str]:
        """Every key below a folder, as the storage orders them; S3, Google and Azure by their bytes.

        Args:
            folder: all keys, where it is empty.
            before: leave out what was written at this time or later.
        """
        with self._translated():
            for page in obstore.list(self._store, folder or None):
                for entry in page:
                    if before is None or entry["last_modified"] < before:
                        yield entry["path"]

    def usage(self, folder: str = "") -> tuple[int, int]:
        """How many objects are below a folder, and their bytes."""
        count = size = 0
        with self._translated():
            for page in obstore.list(self._store, folder or None):
                count += len(page)
                size += sum(entry["size"] for entry in page)
        return count, size

    def delete(self, key: str) -> None:
        """Remove what is there, if anything is."""
        self._unless_missing(lambda: obstore.delete(self._store, key))

    def _put(self, key: str, content: bytes | Path, mode: Any) -> None:
        with self._memory.take(_size(content)), _whole(content) as whole, self._translated():
            obstore.put(self._store, key, whole, mode=mode, use_multipart=False)

    def _put_in_parts(self, key: str, path: Path, *, unless_there: bool) -> None:
        part = max(LARGE, -(-_size(path) // MAX_PARTS))

        with (
            self._memory.take(MEMORY),
            path.open("rb") as file,
            self._translated(),
            # Left by an error, it gives up what was sent.
            obstore.open_writer(self._store, key, buffer_size=part, max_concurrency=max(1, MEMORY // part)) as writer,
        ):
            while piece := file.read(_READ):
                writer.write(piece)
            if unless_there and self.size(key) is not None:
                raise _AlreadyThereError

    def _streamed(self, answer: Any) -> Iterator[memoryview]:
        with self._translated():
            for piece in answer.stream(min_chunk_size=_READ):
                yield memoryview(piece)

    def _unless_missing(self, ask: Callable[[], Answer]) -> Answer | None:
        """A key that is not there is an answer; a bucket that is not there is an error."""
        with self._translated():
            try:
                return ask()
            except FileNotFoundError as error:
                if any(code in str(error) for code in _NO_BUCKET):
                    raise
                return None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except AlreadyExistsError:
            raise
        except (BaseError, FileNotFoundError, ValueError) as error:
            # Not chained: what it says is not for logs.
            raise StoreError(self.name, self._reason(error)) from None

    def _reason(self, error: Exception) -> str:
        text = str(error)
        status, code = (found.group(1) if found else "" for found in (_STATUS.search(text), _CODE.search(text)))
        answered = f"({' '.join(filter(None, (status, code)))})"
        at = f" at {self._endpoint}" if self._endpoint else ""
        if code in _NO_BUCKET:
            return f"expected a bucket, found none of this name{at} {answered}; create it, or correct its name"
        if code in _CREDENTIALS or status == "401":
            return f"expected credentials that the object store{at} knows, found others {answered}; correct its block"
        if status == "403":
            return f"expected permission to read, list, write and delete, found it denied {answered}; ask for these"
        if "configured region" in text:
            return "expected the bucket in the region of its address, found it elsewhere; set its region"
        if isinstance(error, NotSupportedError) or status == "501":
            return f"expected an object store with conditional puts (If-None-Match), found one without {answered}"
        if not status and ("169.254." in text or "metadata" in text or "credential" in text.lower()):
            return "expected credentials, found none; name a block that has them, or set them in the environment"
        if status:
            return f"expected the object store{at} to do as asked, found an internal error {answered}"
        if "kind: Connect" in text or "kind: Timeout" in text or "error sending request" in text:
            return f"expected an object store{at or ' at its usual address'}, found no answer; check the endpoint"
        return f"expected an object store, found: {text.partition('Debug source')[0].partition(': <')[0].strip()}"


class _AlreadyThereError(Exception):
    """A different worker was faster."""


class _Allowance:
    """So many bytes at a time, for all threads together."""

    def __init__(self, size: int) -> None:
        self._size = self._free = size
        self._changed = threading.Condition()

    @contextmanager
    def take(self, wanted: int) -> Iterator[None]:
        """Wait until so much is free, or all of it where more is wanted; then have it."""
        taken = min(wanted, self._size)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= taken)
            self._free -= taken
        try:
            yield
        finally:
            with self._changed:
                self._free += taken
                self._changed.notify_all()


@contextmanager
def _whole(content: bytes | Path) -> Iterator[bytes | mmap.mmap]:
    """What is put in one piece. Larger files are mapped: memory that a thread frees stays with it, a map does not."""
    if isinstance(content, bytes):
        yield content
    elif _size(content) <= _READ:
        yield content.read_bytes()
    else:
        with content.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield mapped


def _size(content: bytes | Path) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size

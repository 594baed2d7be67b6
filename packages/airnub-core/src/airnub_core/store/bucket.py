"""Bucket: one interface to S3, Google Cloud Storage and Azure; no other module imports obstore.

Errors are translated, since those of obstore contain complete server responses, with names of keys and signed URLs.
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
"""Size in bytes above which a file is uploaded in parts of at least this size, concurrently within `MEMORY`."""
MEMORY = 32 << 20
"""Most bytes in flight to the bucket, regardless of number and size of files."""
MAX_PARTS = 10_000
"""Most parts of a multipart upload to S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""
_READ = 1 << 20
# Backoff of 0.1, 0.2, 0.4 … seconds with jitter; an object store that does not respond within a minute fails the run.
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

Result = TypeVar("Result")


class Bucket:
    """Keys and their bytes below the prefix of a bucket address. Each call is atomic.

    Raises:
        StoreError: the bucket is unreachable, does not exist, or denies access; every method may.
    """

    def __init__(self, address: BucketAddress) -> None:
        self.name = address.name
        self._endpoint = address.options.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL")
        # Plain HTTP only if the endpoint explicitly says so.
        client: Any = _TIMEOUTS | {"allow_http": (self._endpoint or "").startswith("http://")}
        config: Any = dict(address.options)
        self._memory = _Allowance(MEMORY)
        with self._translated():
            self._store: Any = from_url(address.url, config=config, client_options=client, retry_config=_RETRIES)

    def create(self, key: str, content: bytes | Path) -> bool:
        """Put bytes or a file under a key, unless the key exists.

        Multipart uploads cannot be conditional: for more than `LARGE` bytes existence is checked before the first part
        and before the last. A concurrent writer writes the same bytes if the key contains their digest.

        Returns:
            Whether the object was created; an existing one is not changed.

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
        """Put bytes or a file under a key, and replace an existing object.

        Raises:
            StoreError: see the class.
            OSError: the file cannot be read.
        """
        if isinstance(content, Path) and _size(content) > LARGE:
            self._put_in_parts(key, content, unless_there=False)
        else:
            self._put(key, content, "overwrite")

    def read(self, key: str) -> bytes | None:
        """Read a small object; `None` if the key does not exist."""
        return self._unless_missing(lambda: bytes(obstore.get(self._store, key).bytes()))

    def pieces(self, key: str) -> Iterator[memoryview] | None:
        """Read an object in chunks of about 1 MiB; `None` if the key does not exist."""
        response = self._unless_missing(lambda: obstore.get(self._store, key))
        return None if response is None else self._streamed(response)

    def size(self, key: str) -> int | None:
        """Size of an object in bytes; `None` if the key does not exist."""
        return self._unless_missing(lambda: int(obstore.head(self._store, key)["size"]))

    def listed(self, folder: str = "", *, before: datetime | None = None) -> Iterator[str]:
        """List the keys below a folder, in the order of the object store; S3, Google and Azure sort them by bytes.

        Args:
            folder: the folder; empty for all keys.
            before: list only objects written before this time.
        """
        with self._translated():
            for page in obstore.list(self._store, folder or None):
                for entry in page:
                    if before is None or entry["last_modified"] < before:
                        yield entry["path"]

    def usage(self, folder: str = "") -> tuple[int, int]:
        """Return the number of objects below a folder, and their total size in bytes."""
        count = size = 0
        with self._translated():
            for page in obstore.list(self._store, folder or None):
                count += len(page)
                size += sum(entry["size"] for entry in page)
        return count, size

    def delete(self, key: str) -> None:
        """Delete an object; does nothing if the key does not exist."""
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
            # On an exception, the writer aborts the upload.
            obstore.open_writer(self._store, key, buffer_size=part, max_concurrency=max(1, MEMORY // part)) as writer,
        ):
            while piece := file.read(_READ):
                writer.write(piece)
            if unless_there and self.size(key) is not None:
                raise _AlreadyThereError

    def _streamed(self, response: Any) -> Iterator[memoryview]:
        with self._translated():
            for piece in response.stream(min_chunk_size=_READ):
                yield memoryview(piece)

    def _unless_missing(self, ask: Callable[[], Result]) -> Result | None:
        """Call `ask`, and return `None` if the key does not exist; a missing bucket is an error."""
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
            # Not chained, since the message must not be logged.
            raise StoreError(self.name, self._reason(error)) from None

    def _reason(self, error: Exception) -> str:
        text = str(error)
        status, code = (found.group(1) if found else "" for found in (_STATUS.search(text), _CODE.search(text)))
        details = f"({' '.join(filter(None, (status, code)))})"
        at = f" at {self._endpoint}" if self._endpoint else ""
        if code in _NO_BUCKET:
            return f"expected a bucket, found none of this name{at} {details}; create it, or correct its name"
        if code in _CREDENTIALS or status == "401":
            return f"expected valid credentials for the object store{at}, found others {details}; correct its block"
        if status == "403":
            return f"expected permission to read, list, write and delete, found it denied {details}; grant these"
        if "configured region" in text:
            return "expected the bucket in the region of its address, found it elsewhere; set its region"
        if isinstance(error, NotSupportedError) or status == "501":
            return f"expected an object store with conditional puts (If-None-Match), found one without {details}"
        if not status and ("169.254." in text or "metadata" in text or "credential" in text.lower()):
            return "expected credentials, found none; name a block that has them, or set them in the environment"
        if status:
            return f"expected a success status of the object store{at}, found an internal error {details}"
        if "kind: Connect" in text or "kind: Timeout" in text or "error sending request" in text:
            return f"expected an object store{at or ' at its usual address'}, found no response; check the endpoint"
        return f"expected an object store, found: {text.partition('Debug source')[0].partition(': <')[0].strip()}"


class _AlreadyThereError(Exception):
    """A different worker has created the object."""


class _Allowance:
    """A semaphore that counts bytes, shared by all threads."""

    def __init__(self, size: int) -> None:
        self._size = self._free = size
        self._changed = threading.Condition()

    @contextmanager
    def take(self, wanted: int) -> Iterator[None]:
        """Acquire a number of bytes, or all bytes if more are wanted; blocks until they are free."""
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
    """Content of a single put. Larger files are memory-mapped, since memory freed by a thread stays allocated to it."""
    if isinstance(content, bytes):
        yield content
    elif _size(content) <= _READ:
        yield content.read_bytes()
    else:
        with content.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield mapped


def _size(content: bytes | Path) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size

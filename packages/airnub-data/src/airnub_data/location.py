"""Locations: folder or bucket that contains datasets; files appear atomically."""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from airnub_core.errors import StoreError
from airnub_core.store.location import BucketAddress

if TYPE_CHECKING:
    from airnub_core.store.bucket import Bucket

STAGE = ".stage"
"""Folder of staged rows, a cache that may be deleted."""


@dataclass(frozen=True)
class Location:
    """Location of all datasets of a department: a folder, or a bucket with a local folder for staged rows."""

    root: Path | BucketAddress
    local: Path | None = None
    """Local folder for the cache. Default for a folder: `root`."""

    @property
    def name(self) -> str:
        """Path or URL, for messages."""
        return str(self.root) if isinstance(self.root, Path) else self.root.name

    @property
    def stage(self) -> Path:
        """Folder of staged rows.

        Raises:
            StoreError: the datasets are in a bucket, and no local folder is set.
        """
        if self.local is not None:
            return self.local / STAGE
        if isinstance(self.root, Path):
            return self.root / STAGE
        raise StoreError(self.name, "expected a local folder for staged rows, found none")

    def is_within(self, other: Path | BucketAddress) -> bool:
        """Return whether this location equals `other` or is inside of it."""
        if isinstance(self.root, Path) and isinstance(other, Path):
            return self.root.resolve().is_relative_to(other.resolve())
        if isinstance(self.root, Path) or isinstance(other, Path):
            return False
        same_endpoint = self.root.options.get("endpoint") == other.options.get("endpoint")
        return same_endpoint and f"{self.root.url.rstrip('/')}/".startswith(f"{other.url.rstrip('/')}/")

    def uri(self, table: str) -> str:
        """Return the path or URL of a table, as Delta Lake libraries expect it."""
        return str(self.root / table) if isinstance(self.root, Path) else f"{self.root.url.rstrip('/')}/{table}"

    @property
    def options(self) -> dict[str, str] | None:
        """`storage_options` of Delta Lake libraries; `None` for a folder."""
        return None if isinstance(self.root, Path) else _storage_options(self.root)

    def has(self, path: str) -> bool:
        """Return whether a file exists.

        Raises:
            StoreError: the bucket cannot be reached.
        """
        if isinstance(self.root, Path):
            return (self.root / path).is_file()
        return self._bucket.size(path) is not None

    def read(self, path: str) -> bytes | None:
        """Read a small file; `None` if it does not exist.

        Raises:
            StoreError: the file cannot be read.
        """
        if not isinstance(self.root, Path):
            return self._bucket.read(path)
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError.of(error, self.root / path) from error

    def place(self, file: Path, path: str, *, keep: bool = False) -> None:
        """Publish a complete local file at a path, replacing an existing file; the file is durable on return.

        Args:
            file: local file; it is renamed if it is on the same file system as the folder.
            path: target, relative to the location.
            keep: whether to keep `file` as well.

        Raises:
            StoreError: the file cannot be written.
        """
        try:
            if not isinstance(self.root, Path):
                self._bucket.replace(path, file)
                if not keep:
                    file.unlink()
                return
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if keep:
                # Vacuum removes unreferenced files by age: a fresh timestamp protects this one until its commit.
                os.utime(file)
                file = _linked(file, target.with_name(f".{os.urandom(8).hex()}.tmp"))
            _sync(file)
            file.replace(target)
            _sync(target.parent)
        except OSError as error:
            raise StoreError.of(error, path) from error

    def temporary(self, table: str) -> Path:
        """Return an unused path for a file that is to be published in a table. Its folder exists.

        Raises:
            StoreError: the folder cannot be created.
        """
        folder = self.stage / table
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError.of(error, folder) from error
        return folder / f".{os.urandom(8).hex()}.tmp"

    def unfinished(self, table: str, before: datetime) -> list[Path]:
        """List local temporary files and folders that killed runs left of a table, if last modified before a time."""
        found = [*(self.stage / table).glob(".*.tmp")]
        if isinstance(self.root, Path):
            found += (self.root / table).rglob(".*.tmp")
        return sorted(path for path in found if path.stat().st_mtime < before.timestamp())

    def remove(self, path: str) -> None:
        """Remove a file if it exists.

        Raises:
            StoreError: the file cannot be removed.
        """
        if not isinstance(self.root, Path):
            self._bucket.delete(path)
            return
        try:
            (self.root / path).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError.of(error, self.root / path) from error

    def listed(self, folder: str, *, before: datetime | None = None) -> Iterator[str]:
        """List the paths of all files below a folder, recursively.

        Args:
            folder: relative to the location.
            before: list only files that were modified before this time.

        Raises:
            StoreError: the bucket cannot be listed.
        """
        if not isinstance(self.root, Path):
            yield from self._bucket.listed(folder, before=before)
            return
        for path in sorted((self.root / folder).rglob("*")):
            if path.is_file() and (before is None or path.stat().st_mtime < before.timestamp()):
                yield path.relative_to(self.root).as_posix()

    def usage(self, folder: str) -> tuple[int, int]:
        """Return the number of files below a folder, and their total size in bytes.

        Raises:
            StoreError: the bucket cannot be listed.
        """
        if not isinstance(self.root, Path):
            return self._bucket.usage(folder)
        files = size = 0
        for path in (self.root / folder).rglob("*"):
            try:
                found = path.stat()
            except FileNotFoundError:
                continue  # renamed by a concurrent run
            if S_ISREG(found.st_mode):
                files, size = files + 1, size + found.st_size
        return files, size

    def synced(self, path: str) -> None:
        """Flush a file that a different library wrote to disk, and its folder; a bucket needs no flush.

        Raises:
            StoreError: the flush failed.
        """
        if isinstance(self.root, Path):
            try:
                _sync(self.root / path)
                _sync((self.root / path).parent)
            except OSError as error:
                raise StoreError.of(error, self.root / path) from error

    @cached_property
    def _bucket(self) -> "Bucket":
        assert isinstance(self.root, BucketAddress), "a folder is no bucket"
        try:
            from airnub_core.store.bucket import Bucket
        except ImportError as error:
            reason = f"expected obstore, found none ({error}); install airnub-data[buckets]"
            raise StoreError(self.name, reason) from error
        return Bucket(self.root)


def _storage_options(address: BucketAddress) -> dict[str, str]:
    names: Mapping[str, Mapping[str, str]] = {
        "s3": {
            "access_key_id": "AWS_ACCESS_KEY_ID", "secret_access_key": "AWS_SECRET_ACCESS_KEY",
            "session_token": "AWS_SESSION_TOKEN", "region": "AWS_REGION", "endpoint": "AWS_ENDPOINT_URL",
        },
    }  # fmt: skip
    known = names.get(address.url.partition("://")[0], {})
    options = {known.get(name, name): value for name, value in address.options.items()}
    endpoint = options.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL", "")
    if endpoint.startswith("http://"):
        # Unencrypted connections only if the endpoint explicitly is an http:// URL.
        options["AWS_ALLOW_HTTP"] = "true"
    return options


def _linked(file: Path, target: Path) -> Path:
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)  # a different file system
    return target


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

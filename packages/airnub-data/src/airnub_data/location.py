"""Locations: the folder or object storage that holds datasets; files appear there atomically."""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING

from airnub_common import sha256_hex
from airnub_core.errors import StoreError
from airnub_core.store.location import BucketAddress

if TYPE_CHECKING:
    from airnub_core.store.bucket import Bucket

STAGE = ".stage"
"""The folder of staged rows, a cache: it may be deleted."""


@dataclass(frozen=True)
class Location:
    """The place of all datasets of a department: a folder, or a bucket with a local folder for what is staged."""

    root: Path | BucketAddress
    local: Path | None = None
    """A folder of this machine for the cache; below `root`, where that is a folder."""

    @property
    def name(self) -> str:
        """For messages."""
        return str(self.root) if isinstance(self.root, Path) else self.root.name

    @property
    def stage(self) -> Path:
        """The folder of staged rows.

        Raises:
            StoreError: the datasets are in object storage, and there is no local folder.
        """
        if self.local is not None:
            return self.local / STAGE
        if isinstance(self.root, Path):
            return self.root / STAGE
        raise StoreError(self.name, "expected a local folder for staged rows, found none")

    def is_within(self, other: Path | BucketAddress) -> bool:
        """Whether it is another place, or inside of it."""
        if isinstance(self.root, Path) and isinstance(other, Path):
            return self.root.resolve().is_relative_to(other.resolve())
        if isinstance(self.root, Path) or isinstance(other, Path):
            return False
        same_endpoint = self.root.options.get("endpoint") == other.options.get("endpoint")
        return same_endpoint and f"{self.root.url.rstrip('/')}/".startswith(f"{other.url.rstrip('/')}/")

    def uri(self, table: str) -> str:
        """Where a table is, as Delta Lake's libraries take it."""
        return str(self.root / table) if isinstance(self.root, Path) else f"{self.root.url.rstrip('/')}/{table}"

    @property
    def options(self) -> dict[str, str] | None:
        """How libraries get in, as they name it; `None` for a folder."""
        return None if isinstance(self.root, Path) else _storage_options(self.root)

    def has(self, path: str) -> bool:
        """Whether there is a file.

        Raises:
            StoreError: the bucket cannot be reached.
        """
        if isinstance(self.root, Path):
            return (self.root / path).is_file()
        return self._bucket.size(path) is not None

    def read(self, path: str) -> bytes | None:
        """The bytes of a small file, `None` where there is none.

        Raises:
            StoreError: it cannot be read.
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
        """Give a whole local file its place; durable when it returns, and what was there is replaced.

        Args:
            file: it is moved, where it is on the same file system as a folder.
            path: relative to the location.
            keep: whether the file stays where it is, too.

        Raises:
            StoreError: it cannot be written.
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
                # A vacuum, of files by their age that no commit refers to, does not take it before its commit.
                os.utime(file)
                file = _linked(file, target.with_name(f".{os.urandom(8).hex()}.tmp"))
            _sync(file)
            file.replace(target)
            _sync(target.parent)
        except OSError as error:
            raise StoreError.of(error, path) from error

    def temporary(self, table: str) -> Path:
        """A path for a file on its way into a table; its folder exists.

        Raises:
            StoreError: the folder cannot be made.
        """
        folder = self.stage / table
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError.of(error, folder) from error
        return folder / f".{os.urandom(8).hex()}.tmp"

    def unfinished(self, table: str, before: datetime) -> list[Path]:
        """Local files and folders of runs that were killed on their way into a table, older than a time."""
        found = [*(self.stage / table).glob(".*.tmp")]
        if isinstance(self.root, Path):
            found += (self.root / table).rglob(".*.tmp")
        return sorted(path for path in found if path.stat().st_mtime < before.timestamp())

    def remove(self, path: str) -> None:
        """Remove a file, if it is there.

        Raises:
            StoreError: it cannot be removed.
        """
        if not isinstance(self.root, Path):
            self._bucket.delete(path)
            return
        try:
            (self.root / path).unlink(missing_ok=True)
        except OSError as error:
            raise StoreError.of(error, self.root / path) from error

    def listed(self, folder: str, *, before: datetime | None = None) -> Iterator[str]:
        """The paths of all files below a folder, or of those that were written before a time.

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
        """How many files are below a folder, and their bytes.

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
                continue  # a run in flight has just moved it
            if S_ISREG(found.st_mode):
                files, size = files + 1, size + found.st_size
        return files, size

    def synced(self, path: str) -> None:
        """Return when a file that another library wrote survives a power loss.

        Raises:
            StoreError: the disk did not take it.
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


def in_bucket(address: BucketAddress, local: Path) -> Location:
    """Datasets in object storage, with a folder of this machine for what is staged of them."""
    return Location(address, local / sha256_hex(address.name.encode())[:8])


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
        # Without TLS only where the address says so in so many words.
        options["AWS_ALLOW_HTTP"] = "true"
    return options


def _linked(file: Path, target: Path) -> Path:
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)  # another file system
    return target


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

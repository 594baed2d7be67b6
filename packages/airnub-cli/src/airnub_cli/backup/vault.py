"""The folder or bucket that holds backups.

    objects/ab/ab12…              contents by their SHA-256, each once, whatever backups it belongs to
    backups/20261129T183000Z.json  what one backup consists of

A manifest is written after all of its contents are durable. So an interrupted backup has no manifest and does not
count, and the next one reuses its contents.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import AfterValidator, Field, ValidationError

from airnub_common import write_atomic
from airnub_core.errors import StoreError
from airnub_core.store.durability import make_durable
from airnub_core.store.location import BucketAddress, bucket_url
from airnub_core.strict_model import StrictModel
from airnub_prefect.errors import ConfigurationError

if TYPE_CHECKING:
    from airnub_core.store.bucket import Bucket


class BackupError(Exception):
    """A part of the system failed, or a restore was rejected; the message says what to do."""


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise ValueError("expected a path below the data root")
    return path


Digits = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""The hexadecimal digits of a SHA-256."""


class DataRootContent(StrictModel):
    """A content, stored in the vault under its digest."""

    digits: Digits
    size: int = Field(ge=0)
    """Number of bytes."""


class DatabaseDump(DataRootContent):
    """A database: a dump of PostgreSQL in its custom format, or a copy of an SQLite file."""

    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]*$")
    owner: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")
    """The role that owns it; `None` for SQLite."""


class BackedUpFile(DataRootContent):
    """A file of the data root."""

    path: Annotated[str, AfterValidator(_inside)]
    """Relative to the data root, with `/`."""
    modified_ns: int
    """Time of modification, in nanoseconds since 1970; a file of the same size and time is not read again."""


class Versions(StrictModel):
    """Versions of the software that wrote the data."""

    airnub: str
    prefect: str
    postgresql: str | None
    """`None` for SQLite."""


class BackupManifest(StrictModel):
    """The manifest of a complete backup; it is written after all of its contents."""

    format: Literal[1] = 1
    system: Literal["compose", "dev"]
    began_at: datetime
    ended_at: datetime
    versions: Versions
    roles: list[str] = []
    """Roles of PostgreSQL, without passwords."""
    databases: list[DatabaseDump]
    files: list[BackedUpFile]

    @property
    def size(self) -> int:
        """The size of all contents, in bytes."""
        return sum(one.size for one in (*self.databases, *self.files))


BACKUPS, OBJECTS = "backups", "objects"
SCRATCH = ".copying-"
"""Prefix of the names of temporary folders."""
_PIECE = 1 << 20


class Vault(Protocol):
    """A store of contents by digest, and of manifests by name.

    Raises:
        StoreError: it cannot be read or written.
    """

    name: str
    """The name of the vault in messages."""
    scratch: Path | None
    """Folder for temporary files; `None` for the temporary folder of the system."""

    def contents(self, *, before: datetime | None = None) -> set[str]:
        """The digits of all complete contents, or of those that were put before a time."""
        ...

    def put(self, digits: str, file: Path) -> None:
        """Store a file under its digits; the file may be moved."""
        ...

    def pieces(self, digits: str) -> Iterator[bytes | memoryview]:
        """Yield the bytes of a content."""
        ...

    def names(self) -> list[str]:
        """The names of complete backups, oldest first."""
        ...

    def read(self, name: str) -> bytes:
        """Read a manifest."""
        ...

    def publish(self, name: str, content: bytes) -> None:
        """Make all stored contents durable, and then write a manifest."""
        ...

    def forget(self, name: str) -> None:
        """Remove a manifest."""
        ...

    def remove(self, digits: str) -> None:
        """Remove a content."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Keep other backups out while the block runs; a bucket has no lock."""
        ...


def open_vault(place: str) -> Vault:
    """Open the vault at a folder, or at the URL of a bucket, with credentials from the environment.

    Raises:
        ConfigurationError: the URL is invalid, or the support of buckets is not installed.
    """
    if "://" not in place:
        return FolderVault(Path(place))
    try:
        address = BucketAddress(bucket_url(place))
    except ValueError as error:
        raise ConfigurationError.of(place.partition("://")[0], f"{error}; or a folder") from None
    try:
        from airnub_core.store.bucket import Bucket
    except ImportError as error:
        reason = f"expected obstore, found none ({error}); install airnub-core[buckets]"
        raise ConfigurationError.of(address.name, reason) from error
    return BucketVault(Bucket(address))


def load_manifest(vault: Vault, name: str) -> BackupManifest:
    """Load the manifest of a backup.

    Raises:
        StoreError: it is missing, damaged, or of a later format.
    """
    try:
        return BackupManifest.model_validate_json(vault.read(name))
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"]))
        reason = f"expected a manifest, found {first['msg']} at {at or 'the top'}; restore a different backup"
        raise StoreError(f"{vault.name}/{BACKUPS}/{name}.json", reason) from None


def object_key(digits: str) -> str:
    """The path or key of a content."""
    return f"{OBJECTS}/{digits[:2]}/{digits}"


class FolderVault:
    """A vault in a folder, which only its owner can read, since backups contain secrets of blocks."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.name = str(root)
        self.scratch: Path | None = root

    def contents(self, *, before: datetime | None = None) -> set[str]:
        found = self.root.glob(f"{OBJECTS}/??/[!.]*")
        return {path.name for path in found if before is None or path.stat().st_mtime < before.timestamp()}

    def put(self, digits: str, file: Path) -> None:
        target = self.root / object_key(digits)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            file.chmod(0o600)
            file.replace(target)
        except OSError as error:
            raise StoreError.of(error, target) from error

    def pieces(self, digits: str) -> Iterator[bytes]:
        path = self.root / object_key(digits)
        try:
            with path.open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        except FileNotFoundError as error:
            raise _missing(self.name, digits) from error
        except OSError as error:
            raise StoreError.of(error, path) from error

    def names(self) -> list[str]:
        return sorted(path.stem for path in (self.root / BACKUPS).glob("[!.]*.json"))

    def read(self, name: str) -> bytes:
        path = self.root / BACKUPS / f"{name}.json"
        try:
            return path.read_bytes()
        except OSError as error:
            raise StoreError.of(error, path) from error

    def publish(self, name: str, content: bytes) -> None:
        path = self.root / BACKUPS / f"{name}.json"
        try:
            make_durable(self.root, self.root.glob(f"{OBJECTS}/??/*"))
            write_atomic(path, content)
            path.chmod(0o600)
            make_durable(self.root, [path, path.parent])
        except OSError as error:
            raise StoreError.of(error, path) from error

    def forget(self, name: str) -> None:
        (self.root / BACKUPS / f"{name}.json").unlink(missing_ok=True)

    def remove(self, digits: str) -> None:
        (self.root / object_key(digits)).unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = os.open(self.root, os.O_RDONLY)
        except OSError as error:
            raise StoreError.of(error, self.root) from error
        try:
            # The folder itself is locked, so no lock file can be left behind. The system releases the lock at any exit.
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in self.root.glob(f"{SCRATCH}*"):
                shutil.rmtree(left)  # of a backup that was killed
            yield
        except BlockingIOError as error:
            reason = "expected no other backup into this folder, found one that is running; wait until it has ended"
            raise StoreError(self.name, reason) from error
        finally:
            os.close(folder)


class BucketVault:
    """A vault in object storage."""

    def __init__(self, bucket: "Bucket") -> None:
        self._bucket = bucket
        self.name = bucket.name
        self.scratch: Path | None = None

    def contents(self, *, before: datetime | None = None) -> set[str]:
        return {key.rpartition("/")[2] for key in self._bucket.listed(OBJECTS, before=before)}

    def put(self, digits: str, file: Path) -> None:
        self._bucket.replace(object_key(digits), file)

    def pieces(self, digits: str) -> Iterator[memoryview]:
        found = self._bucket.pieces(object_key(digits))
        if found is None:
            raise _missing(self.name, digits)
        return found

    def names(self) -> list[str]:
        keys = [key.rpartition("/")[2] for key in self._bucket.listed(BACKUPS)]
        return sorted(key.removesuffix(".json") for key in keys if key.endswith(".json"))

    def read(self, name: str) -> bytes:
        content = self._bucket.read(f"{BACKUPS}/{name}.json")
        if content is None:
            raise StoreError(self.name, f"expected the backup {name}, found none; `airnub restore --list` lists all")
        return content

    def publish(self, name: str, content: bytes) -> None:
        self._bucket.replace(f"{BACKUPS}/{name}.json", content)

    def forget(self, name: str) -> None:
        self._bucket.delete(f"{BACKUPS}/{name}.json")

    def remove(self, digits: str) -> None:
        self._bucket.delete(object_key(digits))

    @contextmanager
    def alone(self) -> Iterator[None]:
        yield


def _missing(vault: str, digits: str) -> StoreError:
    return StoreError(vault, f"expected the content {digits} of the backup, found none; restore a different backup")

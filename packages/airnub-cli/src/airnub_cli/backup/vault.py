"""The folder or bucket that holds backups.

    objects/ab/ab12…              contents by their SHA-256, each once, whatever backups it belongs to
    backups/20261129T183000Z.json  what one backup consists of

A manifest is written when all that it names is there and durable. So a backup that was cut off is none: it has no
manifest, and what it had copied is found by the next one.
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
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.validation import StrictModel

if TYPE_CHECKING:
    from airnub_core.store.bucket import Bucket


class BackupError(Exception):
    """A part of the system does not do what is needed, or a restore is refused; it says which, and what to do."""


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise ValueError("expected a path below the data root")
    return path


Digits = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""Of a SHA-256."""


class DataRootContent(StrictModel):
    """Bytes, which the vault has under their digest."""

    digits: Digits
    size: int = Field(ge=0)
    """In bytes."""


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
    """When it was modified, in nanoseconds since 1970: a file of the same size and time is not read again."""


class Versions(StrictModel):
    """Of the software that wrote what is backed up."""

    airnub: str
    prefect: str
    postgresql: str | None
    """`None` for SQLite."""


class BackupManifest(StrictModel):
    """A backup that is complete: it is written when all that it names is in the vault."""

    format: Literal[1] = 1
    system: Literal["compose", "dev"]
    began_at: datetime
    ended_at: datetime
    versions: Versions
    roles: list[str] = []
    """Roles of PostgreSQL; without their passwords."""
    databases: list[DatabaseDump]
    files: list[BackedUpFile]

    @property
    def size(self) -> int:
        """Of all that it names, in bytes."""
        return sum(one.size for one in (*self.databases, *self.files))


BACKUPS, OBJECTS = "backups", "objects"
SCRATCH = ".copying-"
"""How folders of files on their way begin."""
_PIECE = 1 << 20


class Vault(Protocol):
    """Contents by digest, and manifests by name.

    Raises:
        StoreError: it cannot be read or written.
    """

    name: str
    """For messages."""
    scratch: Path | None
    """A folder for files on their way into it; `None` for one of the system."""

    def contents(self, *, before: datetime | None = None) -> set[str]:
        """The digits of all contents that are there, whole; or of those that were put before a time."""
        ...

    def put(self, digits: str, file: Path) -> None:
        """Take in a file; it may be gone afterwards."""
        ...

    def pieces(self, digits: str) -> Iterator[bytes | memoryview]:
        """The bytes of a content."""
        ...

    def names(self) -> list[str]:
        """Of complete backups, the oldest first."""
        ...

    def read(self, name: str) -> bytes:
        """A manifest."""
        ...

    def publish(self, name: str, content: bytes) -> None:
        """Make all that was put durable, and then write a manifest."""
        ...

    def forget(self, name: str) -> None:
        """Remove a manifest."""
        ...

    def remove(self, digits: str) -> None:
        """Remove a content."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """No other backup writes into it while the block runs; in a bucket nothing says who writes."""
        ...


def open_vault(place: str) -> Vault:
    """The vault at a folder, or at the URL of a bucket, whose credentials come from the environment.

    Raises:
        ConfigurationError: the URL is of another form, or what it takes is not installed.
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
    """A backup by its name.

    Raises:
        StoreError: there is none, or it is damaged or of a later format.
    """
    try:
        return BackupManifest.model_validate_json(vault.read(name))
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"]))
        reason = f"expected a manifest of a backup, found {first['msg']} at {at or 'the top'}; restore another backup"
        raise StoreError(f"{vault.name}/{BACKUPS}/{name}.json", reason) from None


def object_key(digits: str) -> str:
    """Where a content is."""
    return f"{OBJECTS}/{digits[:2]}/{digits}"


class FolderVault:
    """A vault in a folder, which only its owner can read: backups hold secrets of blocks."""

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
            # The folder itself is locked: no file that could be left. The system lets go of it however we end.
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for left in self.root.glob(f"{SCRATCH}*"):
                shutil.rmtree(left)  # of a backup that was killed
            yield
        except BlockingIOError as error:
            reason = "expected no other backup at work in this folder, found one; wait for its end"
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
            raise StoreError(self.name, f"expected the backup {name}, found none; `airnub restore --list` names them")
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
    return StoreError(vault, f"expected the content {digits} of the backup, found none; restore another backup")

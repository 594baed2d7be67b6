"""The manifest of a backup: versions, databases, and every file of the data root with its digest."""

from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from airnub_cli.strict_model import StrictModel


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

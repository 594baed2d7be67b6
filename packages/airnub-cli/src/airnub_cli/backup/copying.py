"""The steps of a backup: first the databases, then the data root, references before contents (see `data_root`)."""

import sqlite3
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import IO

from airnub_cli.backup.data_root import Header, Known, TreeError, copy_bytes, headers
from airnub_cli.backup.systems import System
from airnub_cli.backup.vault import (
    SCRATCH,
    BackedUpFile,
    BackupError,
    BackupManifest,
    DatabaseDump,
    Vault,
    Versions,
    load_manifest,
)
from airnub_core.errors import StoreError

_UNFINISHED = timedelta(days=1)
"""Unreferenced contents are kept for this long, since a running backup may be about to reference them."""


@dataclass(frozen=True, slots=True)
class Copied:
    """The result of a backup."""

    name: str
    manifest: BackupManifest
    files: int
    """The number of files that are new in the vault."""
    size: int
    """The size of the new files, in bytes."""
    forgotten: list[str]
    """Earlier backups that were removed."""


def copy_system(
    system: System, vault: Vault, *, keep: int | None = None, say: Callable[[str], None] = lambda _line: None
) -> Copied:
    """Back up a system into a vault; runs may be in flight.

    Args:
        system: the system to copy.
        vault: the destination.
        keep: number of newest backups to keep; older ones are removed afterwards, with contents that only they have.
        say: called with a line for each step.

    Raises:
        BackupError: a part of the system failed, or a file changed while it was read.
        ProgramError: a required program, such as Docker, is missing or failed.
        StoreError: the vault cannot be read or written.
    """
    began = datetime.now(UTC)
    name = f"{began:%Y%m%dT%H%M%S}{began.microsecond // 1000:03}Z"
    try:
        with vault.alone(), tempfile.TemporaryDirectory(prefix=SCRATCH, dir=vault.scratch) as folder:
            copy = _Copy(vault, Path(folder))
            databases = [copy.database(path, dump) for path, dump in system.dump(Path(folder))]
            said = ", ".join(f"{one.name} ({one.size:,} bytes)" for one in databases)
            say(f"databases: {said}")
            with system.tree(_known(vault, copy.contents)) as stream:
                files = [copy.file(header, stream) for header in headers(stream)]
            say(f"data: {len(files):,} files, {sum(one.size for one in files):,} bytes")
            manifest = BackupManifest(
                system=system.kind,
                began_at=began,
                ended_at=datetime.now(UTC),
                versions=Versions(
                    airnub=version("airnub-cli"), prefect=version("prefect"), postgresql=system.database_version()
                ),
                roles=system.roles(),
                databases=databases,
                files=files,
            )
            vault.publish(name, manifest.model_dump_json().encode())
            forgotten = _forget(vault, keep) if keep else []
    except TreeError as error:
        raise BackupError(f"{error}; run the backup again") from error
    except (OSError, sqlite3.Error) as error:
        place = (isinstance(error, OSError) and error.filename) or vault.scratch or tempfile.gettempdir()
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise BackupError(
            f"{place}: {reason}; correct that and run the backup again; copied contents are kept"
        ) from error
    return Copied(name, manifest, copy.files, copy.size, forgotten)


class _Copy:
    """Copies contents into a vault, except those that it has already."""

    def __init__(self, vault: Vault, folder: Path) -> None:
        self._vault = vault
        self._folder = folder
        self.contents = vault.contents()
        self.files = self.size = 0

    def database(self, path: Path, dump: DatabaseDump) -> DatabaseDump:
        self._put(dump.digits, path, dump.size)
        return dump

    def file(self, header: Header, stream: IO[bytes]) -> BackedUpFile:
        digits = header.digits
        if digits is None:
            path = self._folder / "file"
            with path.open("wb") as file:
                digits = copy_bytes(stream, header.size, file)
            self._put(digits, path, header.size)
        return BackedUpFile(path=header.path, size=header.size, modified_ns=header.modified_ns, digits=digits)

    def _put(self, digits: str, path: Path, size: int) -> None:
        if digits in self.contents:
            path.unlink()
            return
        self._vault.put(digits, path)
        path.unlink(missing_ok=True)
        self.contents.add(digits)
        self.files, self.size = self.files + 1, self.size + size


def _known(vault: Vault, contents: set[str]) -> Known:
    """Files that need not be sent again: those of the newest readable backup whose contents the vault has."""
    for name in reversed(vault.names()):
        try:
            files = load_manifest(vault, name).files
        except StoreError:
            continue
        return {one.path: (one.size, one.modified_ns, one.digits) for one in files if one.digits in contents}
    return {}


def _forget(vault: Vault, keep: int) -> list[str]:
    """Remove all but the newest backups; if a kept manifest cannot be read, raise, since it may need any content."""
    gone = vault.names()[:-keep]
    if not gone:
        return []
    kept = [load_manifest(vault, name) for name in vault.names()[-keep:]]
    needed = {one.digits for manifest in kept for one in (*manifest.databases, *manifest.files)}
    for name in gone:
        vault.forget(name)
    for digits in vault.contents(before=datetime.now(UTC) - _UNFINISHED) - needed:
        vault.remove(digits)
    return gone

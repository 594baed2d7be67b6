"""The steps of a restore into an empty or replaced system, and the verification after it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from typing import IO

from packaging.version import Version

from airnub_cli.backup.data_root import Header
from airnub_cli.backup.systems import System, require_same_kind
from airnub_cli.backup.vault import BackupError, BackupManifest, DataRootContent, Vault, load_manifest
from airnub_core.errors import StoreError
from airnub_prefect.integrity import Integrity


@dataclass(frozen=True, slots=True)
class Restored:
    """The result of a restore."""

    name: str
    manifest: BackupManifest
    replaced: list[str]
    """The data that was replaced, in words."""
    notes: list[str]
    """Further actions, in words."""
    integrity: Integrity
    """The verification of stores and datasets."""


def chosen(vault: Vault, name: str | None) -> str:
    """Choose the backup of a name, or the newest.

    Raises:
        BackupError: there is no such backup.
    """
    names = vault.names()
    if not names:
        raise BackupError(f"expected a complete backup in {vault.name}, found none; `airnub backup` creates one")
    if name is not None and name not in names:
        raise BackupError(f"expected the backup {name} in {vault.name}, found {', '.join(names[-5:])}")
    return name or names[-1]


def restore_system(
    system: System,
    vault: Vault,
    name: str,
    *,
    replace: bool = False,
    say: Callable[[str], None] = lambda _line: None,
) -> Restored:
    """Restore a backup; each content is hashed while it is written.

    Args:
        system: the target. Only PostgreSQL of it may run, and is started.
        vault: the source.
        name: of the backup.
        replace: remove existing data; otherwise a system that is not empty is rejected.
        say: called with a line for each step.

    Raises:
        BackupError: the system is not empty, is running, or is older than the backup.
        ConfigurationError: the backup is of the other kind of system.
        ProgramError: a required program, such as Docker, is missing or failed.
        StoreError: the vault cannot be read, or is damaged.
    """
    manifest = load_manifest(vault, name)
    require_same_kind(system, manifest.system)
    _require_not_older("Prefect", version("prefect"), manifest.versions.prefect)
    _require_contents(vault, manifest)
    with system.stopped():
        if manifest.versions.postgresql is not None:
            _require_not_older("PostgreSQL", str(system.database_version()), manifest.versions.postgresql)
        found = system.content()
        if found and not replace:
            raise BackupError(
                f"expected an empty system, found {'; '.join(found)}. Back it up if it is needed, then empty it "
                f"({system.how_to_empty}), or add --replace"
            )
        with system.write_tree(replace=replace) as stream:
            _write(manifest, vault, stream)
        say(f"data: {len(manifest.files):,} files, {sum(one.size for one in manifest.files):,} bytes")
        notes = []
        for dump in manifest.databases:
            notes += system.load(dump, _checked(vault, dump), manifest.roles)
            say(f"database {dump.name}: {dump.size:,} bytes")
        integrity = system.verify()
    return Restored(name, manifest, found, notes, integrity)


def _require_contents(vault: Vault, manifest: BackupManifest) -> None:
    """Require all contents before existing data is removed.

    Raises:
        StoreError: a content is missing.
    """
    missing = sorted({one.digits for one in (*manifest.databases, *manifest.files)} - vault.contents())
    if missing:
        reason = f"expected the content {missing[0]} of the backup, found none ({len(missing)} contents are missing)"
        raise StoreError(vault.name, f"{reason}; restore a different backup")


def _write(manifest: BackupManifest, vault: Vault, stream: IO[bytes]) -> None:
    for one in manifest.files:
        header = Header(one.path, one.size, one.modified_ns, one.digits)
        stream.write(json.dumps(header._asdict()).encode() + b"\n")
        for piece in _checked(vault, one):
            stream.write(piece)
    stream.write(json.dumps({"end": len(manifest.files)}).encode() + b"\n")


def _checked(vault: Vault, content: DataRootContent) -> Iterator[bytes | memoryview]:
    digest, size = sha256(), 0
    for piece in vault.pieces(content.digits):
        digest.update(piece)
        size += len(piece)
        yield piece
    if digest.hexdigest() != content.digits or size != content.size:
        reason = f"expected {content.size} bytes of {content.digits}, found {size} of {digest.hexdigest()}"
        raise StoreError(vault.name, f"{reason}; restore a different backup")


def _require_not_older(what: str, here: str, there: str) -> None:
    """Require that the software here can read a database of the backup.

    Raises:
        BackupError: it is older than the software that wrote the database.
    """
    # A dump of PostgreSQL fits all minor versions; Prefect migrates a database only forwards.
    depth = 1 if what == "PostgreSQL" else None
    if Version(here).release[:depth] < Version(there).release[:depth]:
        raise BackupError(f"expected {what} {there} or later, found {here}, which cannot read the backup; update it")

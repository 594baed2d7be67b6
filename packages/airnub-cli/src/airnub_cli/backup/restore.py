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
    """What a restore did."""

    name: str
    manifest: BackupManifest
    replaced: list[str]
    """What was there before."""
    notes: list[str]
    """What else was done, in words."""
    integrity: Integrity
    """What was found in stores and datasets afterwards."""


def chosen(vault: Vault, name: str | None) -> str:
    """The backup of a name, or the newest.

    Raises:
        BackupError: there is none.
    """
    names = vault.names()
    if not names:
        raise BackupError(f"expected a complete backup in {vault.name}, found none; `airnub backup` makes one")
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
        system: where to; nothing of it runs but PostgreSQL, which is started.
        vault: from where.
        name: of the backup.
        replace: whether what is there is removed.
        say: given a line for each step.

    Raises:
        BackupError: the system is not empty, runs, or is older than the backup.
        ConfigurationError: the backup is of the other system.
        ProgramError: a program that the system takes, such as Docker, is not there or failed.
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
    """Raises:
    StoreError: a content is missing, which would show only when what is there has been removed.
    """
    missing = sorted({one.digits for one in (*manifest.databases, *manifest.files)} - vault.contents())
    if missing:
        reason = f"expected the content {missing[0]} of the backup, found none ({len(missing)} contents are missing)"
        raise StoreError(vault.name, f"{reason}; restore another backup")


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
        raise StoreError(vault.name, f"{reason}; restore another backup")


def _require_not_older(what: str, here: str, there: str) -> None:
    """Raises:
    BackupError: what would read a database is older than what wrote it.
    """
    # PostgreSQL's dumps fit all versions of one major version; Prefect migrates a database forwards alone.
    depth = 1 if what == "PostgreSQL" else None
    if Version(here).release[:depth] < Version(there).release[:depth]:
        raise BackupError(f"expected {what} {there} or later, found {here}: a backup cannot go back to an earlier one")

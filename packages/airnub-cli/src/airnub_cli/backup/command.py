"""The commands `airnub backup` and `airnub restore`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from airnub_cli.configuration.dotenv import quiet_prefect
from airnub_cli.subprocesses import ProgramError
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_core.errors import StoreError
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.exit_codes import COMPLETED, FAILED, INVALID

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")


def _of_dev(command: Callable[..., None]) -> Callable[..., None]:
    dev = click.option(
        "--dev", is_flag=True, help="Use the system of `airnub dev`. Default: the system of Docker Compose."
    )
    state = click.option(
        "--state", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
        help="State folder of `airnub dev`. Default: data/dev of the repository.",
    )  # fmt: skip
    return dev(state(command))


@click.command("backup", epilog="Example: uv run airnub backup /srv/backups/airnub --keep 14")
@click.argument("to", metavar="TO")
@_of_dev
@click.option(
    "--keep", type=click.IntRange(min=1), metavar="N", help="Remove all but the N newest backups of TO afterwards."
)
@_JSON
def backup(to: str, dev: bool, state: Path | None, keep: int | None, as_json: bool) -> None:
    """Back up databases, stores, datasets and indexes.

    TO is a folder, or a bucket such as s3://bucket/prefix. Runs may be in flight. Content that TO already has is not
    copied again. A backup contains everything that the server holds, including the secrets of blocks: protect TO like
    the server.
    """

    def work() -> int:
        from airnub_cli.backup.copying import copy_system
        from airnub_cli.backup.vault import open_vault

        done = copy_system(_system(dev, state), open_vault(to), keep=keep, say=_say)
        if as_json:
            document = _described(done.name, done.manifest) | {
                "copied": {"files": done.files, "bytes": done.size}, "removed": done.forgotten,
            }  # fmt: skip
            click.echo(json.dumps(document, indent=2))
        else:
            click.echo(
                f"{done.name}: complete; {done.manifest.size:,} bytes, of which {done.size:,} in {done.files:,} files "
                "are new"
            )
            for name in done.forgotten:
                click.echo(f"{name}: removed")
        return COMPLETED

    _exit(work)


@click.command("restore", epilog="Example: uv run airnub restore /srv/backups/airnub")
@click.argument("source", metavar="FROM")
@click.option("--backup", "name", metavar="NAME", help="Name of the backup to restore. Default: the newest.")
@click.option("--list", "listing", is_flag=True, help="List the complete backups of FROM and exit.")
@click.option("--replace", is_flag=True, help="Replace existing data. Default: reject a system that is not empty.")
@_of_dev
@_JSON
def restore(
    source: str, name: str | None, listing: bool, replace: bool, dev: bool, state: Path | None, as_json: bool
) -> None:
    """Restore a backup into an empty system, and verify it.

    FROM is the folder or bucket of `airnub backup`. Every object and dataset is verified afterwards. No service but
    PostgreSQL may run meanwhile. The exit status is 1 if anything is damaged.
    """

    def work() -> int:
        from airnub_cli.backup.restore import chosen, restore_system
        from airnub_cli.backup.vault import load_manifest, open_vault

        vault = open_vault(source)
        if listing:
            found = [_described(one, load_manifest(vault, one)) for one in vault.names()]
            if not found:
                _say(f"{vault.name} has no complete backup; `airnub backup` creates one")
            if as_json:
                click.echo(json.dumps(found, indent=2))
            for one in () if as_json else found:
                click.echo(
                    f"{one['name']}  {one['system']}  Prefect {one['versions']['prefect']}  {one['bytes']:,} bytes"
                )
            return COMPLETED
        system = _system(dev, state)
        done = restore_system(system, vault, chosen(vault, name), replace=replace, say=_say)
        integrity = done.integrity
        if as_json:
            document = _described(done.name, done.manifest) | {"replaced": done.replaced, "notes": done.notes}
            click.echo(json.dumps(document | {"verified": integrity.as_json()}, indent=2))
        else:
            for line in (*(f"replaced: {one}" for one in done.replaced), *done.notes):
                click.echo(line)
            for store in integrity.stores:
                click.echo(f"store {store.path}: {store.objects:,} objects, {store.size:,} bytes")
            for table in integrity.tables:
                click.echo(f"dataset {table.path}: version {table.version}, {table.rows:,} rows")
            click.echo(f"{done.name} is restored: {len(integrity.damaged)} damaged. Next: {system.next_step}")
        for line in integrity.damaged:
            click.secho(f"damaged: {line}", fg="red", err=True)
        return FAILED if integrity.damaged else COMPLETED

    _exit(work)


def _described(name: str, manifest: Any) -> dict[str, Any]:
    return {
        "name": name,
        "system": manifest.system,
        "began_at": manifest.began_at.isoformat(),
        "ended_at": manifest.ended_at.isoformat(),
        "versions": manifest.versions.model_dump(),
        "databases": [one.name for one in manifest.databases],
        "files": len(manifest.files),
        "bytes": manifest.size,
    }


def _system(dev: bool, state: Path | None) -> Any:
    from airnub_cli.backup.systems import ComposeSystem, DevSystem
    from airnub_cli.backup.vault import BackupError
    from airnub_cli.dev.state import StateFolder

    root = Workspace.root_around(Path.cwd())
    if dev or state is not None:
        return DevSystem(StateFolder((state or root / "data" / "dev").absolute()))
    try:
        return ComposeSystem(root)
    except ProgramError as error:
        raise BackupError(f"{error}. For the system of `airnub dev` add --dev") from error


def _say(line: str) -> None:
    click.echo(line, err=True)


def _exit(work: Callable[[], int]) -> None:
    from airnub_cli.backup.vault import BackupError

    quiet_prefect()
    try:
        status = work()
    except (WorkspaceError, ConfigurationError) as error:
        click.secho(str(error), fg="red", err=True)
        status = INVALID
    except (BackupError, ProgramError, StoreError) as error:
        click.secho(str(error), fg="red", err=True)
        status = FAILED
    sys.exit(status)

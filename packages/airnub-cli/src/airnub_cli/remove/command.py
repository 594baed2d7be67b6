"""The command `airnub remove`; the work is in the modules beside this one."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from airnub_cli.configuration.dotenv import use_dotenv
from airnub_cli.transaction import reports_mistakes
from airnub_cli.workspace import Workspace
from airnub_prefect.exit_codes import FAILED

if TYPE_CHECKING:
    # These modules import Prefect, which is slow; `--help` does not need it.
    from airnub_cli.prefect_api import PrefectServer
    from airnub_cli.remove.remote_objects import RemoteObjects
    from airnub_cli.remove.removal import Removal

_MENTIONED = 10
"""Maximum number of files that are listed because they still name the department."""


@click.group("remove", epilog="Example: uv run airnub remove department orders")
def remove() -> None:
    """Remove a department from the repository and the server."""


@remove.command("department", epilog="Example: uv run airnub remove department orders --keep-backend")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Skip the confirmation.")
@click.option("--keep-backend", is_flag=True, help="Remove local files only; change nothing on the server.")
@reports_mistakes
def remove_department(name: str, yes: bool, keep_backend: bool) -> None:
    """Remove a department from the repository and the server.

    Its files, its entries in files of the root, and its objects on the Prefect server are removed. Everything to be
    removed is listed first. Its stored data and the records of its runs are kept.
    """
    from airnub_cli.remove.removal import mentions, planned_removal
    from airnub_cli.remove.removal import remove_department as remove_files

    workspace = Workspace.around(Path.cwd())
    removal = planned_removal(workspace, name)
    for path in (*(f"{one}/" for one in removal.folders), *removal.files):
        click.echo(f"{path} will be removed")
    for path in removal.uncommitted:
        click.secho(f"  {path} is not committed, so git cannot restore it", fg="yellow")
    click.echo("and its entries in the root's files. Its stored data is kept.")
    with _backend(workspace.root, keep=keep_backend) as server:
        held = _held(server, removal)
        if not yes and not _confirmed("Remove all of this?"):
            click.echo("nothing was removed; --yes skips the question", err=True)
            sys.exit(FAILED)
        # The server first: after a failure, the next run finds the remaining objects again.
        changed = remove_files(workspace, removal, lambda: _delete(server, held))
    for path in changed:
        click.echo(f"{path} is written")
    click.echo(f"{removal.names.module} is removed")
    click.echo("`uv sync --all-packages` removes its command from this environment")
    if named := mentions(workspace.root, removal.names):
        more = f" and {len(named) - _MENTIONED:,} more files" if len(named) > _MENTIONED else ""
        click.echo(f"It is still named in {', '.join(named[:_MENTIONED])}{more}", err=True)


def _confirmed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:  # stdin is not a terminal
        click.echo(err=True)
        return False


@contextmanager
def _backend(root: Path, *, keep: bool) -> "Iterator[PrefectServer | None]":
    """Connect to the configured server; `None` if none is configured, or `keep` is set."""
    if keep:
        click.echo("The Prefect server is left alone (--keep-backend).")
        yield None
        return
    use_dotenv(root)
    from prefect.settings import PREFECT_API_URL

    from airnub_cli.prefect_api import BackendError, prefect_server

    if not PREFECT_API_URL.value():
        click.echo("No Prefect server: PREFECT_API_URL is not set.")
        yield None
        return
    try:
        with prefect_server() as server:
            yield server
    except BackendError as error:
        click.secho(f"{error}\nor leave the server alone with --keep-backend", fg="red", err=True)
        click.echo("nothing was removed here", err=True)
        sys.exit(FAILED)


def _held(server: "PrefectServer | None", removal: "Removal") -> "RemoteObjects | None":
    if server is None:
        return None
    from airnub_cli.remove.remote_objects import remote_objects

    held = remote_objects(server, removal.names, removal.stages)
    click.echo(f"On the Prefect server {server.url}: " + ("will be deleted:" if held.lines() else "nothing to delete"))
    for line in held.lines():
        click.echo(f"  {line}")
    return held


def _delete(server: "PrefectServer | None", held: "RemoteObjects | None") -> None:
    if server is not None and held is not None:
        from airnub_cli.remove.remote_objects import delete

        delete(server, held)

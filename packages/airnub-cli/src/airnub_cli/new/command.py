"""`airnub new` and `airnub remove`: arguments in, what was done out. The work is in the modules beside this one."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.errors import ConfigurationError

if TYPE_CHECKING:
    # They bring Prefect, which `--help` and new departments go without.
    from airnub_cli.prefect_api import PrefectServer
    from airnub_cli.remove.remote_objects import RemoteObjects
    from airnub_cli.remove.removal import Removal


def add_to(group: click.Group) -> None:
    """Register the commands."""
    group.add_command(new)
    group.add_command(remove)


@click.group("new", epilog="Example: uv run airnub new department orders")
def new() -> None:
    """Make a department, or a category of one, from the living template."""


@click.group("remove", epilog="Example: uv run airnub remove department orders")
def remove() -> None:
    """Remove a department, here and on the backend."""


def _told(work: Callable[..., None]) -> Callable[..., None]:
    """A mistake is told, with exit status 2."""

    @wraps(work)
    def tell(*arguments: Any, **options: Any) -> None:
        try:
            work(*arguments, **options)
        except (WorkspaceError, ConfigurationError) as error:
            message = str(error)
            click.secho(message, fg="red", err=True)
            if not message.endswith(("nothing was written", "nothing was removed")):
                click.echo("nothing was written", err=True)
            sys.exit(2)

    return tell


def _list(_context: click.Context, _parameter: click.Parameter, value: str | None) -> list[str] | None:
    return None if value is None else [one.strip() for one in value.split(",") if one.strip()]


@new.command(
    "department", epilog='Example: uv run airnub new department orders --owner team-sales --display-name "Orders"'
)
@click.argument("name")
@click.option("--owner", metavar="TEAM", help="Who owns it. Default: team-NAME.")
@click.option("--contact", "contacts", multiple=True, metavar="TEXT", help="Whom to ask; may be given again.")
@click.option("--display-name", metavar="TEXT", help="For people. Default: made of NAME.")
@click.option("--stages", metavar="A,B", callback=_list, help="ingestion, and what follows of processing, analysis.")
@click.option("--categories", metavar="A,B", callback=_list, help="Of the ingestion. Default: all of the template's.")
@_told
def new_department(
    name: str,
    owner: str | None,
    contacts: tuple[str, ...],
    display_name: str | None,
    stages: list[str] | None,
    categories: list[str] | None,
) -> None:
    """Copy the living template to departments/NAME, and register it everywhere.

    Nothing is left to edit: all checks and tests pass. Nothing is written before all of it is known to be right.
    """
    from airnub_cli.new.creation import create_department, department_spec, install

    started = time.monotonic()
    workspace = Workspace.around(Path.cwd())
    wanted = department_spec(
        workspace, name, owner=owner, display_name=display_name, contacts=contacts, stages=stages, chosen=categories
    )
    changed = create_department(workspace, wanted)
    is_installed = install(workspace.root)
    folder = f"departments/{name}/"
    click.echo(f"{folder} is made: {sum(path.startswith(folder) for path in changed)} files")
    for path in changed:
        if not path.startswith(folder):
            click.echo(f"{path} is written")
    click.echo(
        f"owned by {wanted.owner}, as configs/departments.yaml says; {time.monotonic() - started:.1f} s\n", err=True
    )
    slug = wanted.names.slug
    steps = [] if is_installed else ["uv sync --all-packages"]
    steps += [f"uv run --package {slug} {slug} demo", f"$EDITOR configs/variables/{name}/ingestion.yaml"]
    click.echo("Next: " + "\n      ".join(steps), err=True)


@new.command("category", epilog="Example: uv run airnub new category orders ingestion weather_stations")
@click.argument("department")
@click.argument("stage")
@click.argument("name")
@click.option("--like", metavar="CATEGORY", help="Of the template. Default: the one of that name, else that of files.")
@_told
def new_category(department: str, stage: str, name: str, like: str | None) -> None:
    """Add a category to the ingestion of DEPARTMENT: a flow of its own, a key of the settings, a test."""
    from airnub_cli.new.category import add_category

    for path in add_category(Workspace.around(Path.cwd()), department, stage, name, like):
        click.echo(f"{path} is written")
    click.echo(
        f"\nNext: sources under {name}: in configs/variables/{department.replace('-', '_')}/{stage}.yaml", err=True
    )


@remove.command("department", epilog="Example: uv run airnub remove department orders --keep-backend")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--keep-backend", is_flag=True, help="Only here; a backend that is configured is not asked.")
@_told
def remove_department(name: str, yes: bool, keep_backend: bool) -> None:
    """Remove a department: its files and every mention in files of the root, and what the backend holds of it.

    What goes is listed first. What it stored is never touched, and neither are the records of its runs.
    """
    from airnub_cli.remove.removal import mentions, planned_removal
    from airnub_cli.remove.removal import remove_department as remove_files

    workspace = Workspace.around(Path.cwd())
    removal = planned_removal(workspace, name)
    for path in (*(f"{one}/" for one in removal.folders), *removal.files):
        click.echo(f"{path} is to go")
    for path in removal.uncommitted:
        click.secho(f"  {path} is not committed: it cannot be brought back", fg="yellow")
    click.echo("and what the root's files say of it. What it stored is not touched.")
    with _backend(workspace.root, keep=keep_backend) as server:
        held = _held(server, removal)
        if not yes and not _confirmed("Remove all that?"):
            click.echo("nothing was removed; --yes does not ask", err=True)
            sys.exit(1)
        # The backend first: what is left of it after a failure is found again by the next run.
        changed = remove_files(workspace, removal, lambda: _delete(server, held))
    for path in changed:
        click.echo(f"{path} is written")
    click.echo(f"{removal.names.module} is removed")
    if named := mentions(workspace.root, removal.names):
        click.echo(f"It is still named in {', '.join(named)}", err=True)


def _confirmed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:  # nobody is there to answer
        click.echo(err=True)
        return False


@contextmanager
def _backend(root: Path, *, keep: bool) -> "Iterator[PrefectServer | None]":
    """The server that is configured, `None` where none is or none is to be asked."""
    if keep:
        click.echo("The backend is kept as it is.")
        yield None
        return
    from airnub_cli.configuration.placeholders import known_values

    # Prefect reads `.env` in the current folder only, and only when it is imported.
    for name, value in known_values(root).items():
        if name.startswith("PREFECT_"):
            os.environ.setdefault(name, value)
    from prefect.settings import PREFECT_API_URL

    from airnub_cli.prefect_api import BackendError, prefect_server

    if not PREFECT_API_URL.value():
        click.echo("No backend is asked: PREFECT_API_URL is not set.")
        yield None
        return
    try:
        with prefect_server() as server:
            yield server
    except BackendError as error:
        click.secho(f"{error}\nor leave the backend as it is with --keep-backend", fg="red", err=True)
        click.echo("nothing was removed here", err=True)
        sys.exit(1)


def _held(server: "PrefectServer | None", removal: "Removal") -> "RemoteObjects | None":
    if server is None:
        return None
    from airnub_cli.remove.remote_objects import remote_objects

    held = remote_objects(server, removal.names, removal.stages)
    click.echo(f"On the backend, {server.url}, " + ("are to go" if held.lines() else "there is nothing of it."))
    for line in held.lines():
        click.echo(f"  {line}")
    return held


def _delete(server: "PrefectServer | None", held: "RemoteObjects | None") -> None:
    if server is not None and held is not None:
        from airnub_cli.remove.remote_objects import delete

        delete(server, held)

"""`airnub new`: arguments in, what was done out. The work is in the modules beside this one."""

import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.errors import ConfigurationError


def add_to(group: click.Group) -> None:
    """Register the commands."""
    group.add_command(new)


@click.group("new", epilog="Example: uv run airnub new department orders")
def new() -> None:
    """Make a department, or a category of one, from the living template."""


def _told(work: Callable[..., None]) -> Callable[..., None]:
    """A mistake is told, with exit status 2."""

    @wraps(work)
    def tell(*arguments: Any, **options: Any) -> None:
        try:
            work(*arguments, **options)
        except (WorkspaceError, ConfigurationError) as error:
            click.secho(str(error), fg="red", err=True)
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
    from airnub_cli.departments.creation import create_department, install, wanted_department

    started = time.monotonic()
    workspace = Workspace.around(Path.cwd())
    wanted = wanted_department(
        workspace, name, owner=owner, display_name=display_name, contacts=contacts, stages=stages, chosen=categories
    )
    changed = create_department(workspace, wanted)
    is_installed = install(workspace.root, wanted.names.slug)
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

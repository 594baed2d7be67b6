"""The command `airnub rotate`: arguments in, a line out. The work is in the module beside this one."""

import sys
from pathlib import Path

import click

from airnub_cli.configuration.placeholders import known_values
from airnub_cli.programs import ProgramError
from airnub_cli.rotate.password import DATABASES, RotationError, compose_in
from airnub_cli.rotate.password import rotate as change
from airnub_cli.workspace import Workspace, WorkspaceError


def add_to(group: click.Group) -> None:
    """Register the command."""
    group.add_command(rotate)


@click.command("rotate", epilog="Example: uv run airnub rotate database")
@click.argument("name", metavar="NAME", type=click.Choice(list(DATABASES)))
def rotate(name: str) -> None:
    """Change the password of NAME, database or index, on a machine with Docker Compose.

    The new password is random, or that of POSTGRES_PASSWORD in .env. The database takes it first, then the server is
    started again with it: the API is away for some seconds, and runs go on.
    """
    try:
        root = Workspace.root_around(Path.cwd())
        database = DATABASES[name]
        written = known_values(root).get(database.setting) if database.setting else None
        change(database, compose_in(root), written)
    except WorkspaceError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(2)
    except RotationError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(1)
    except ProgramError as error:
        click.secho(
            f"{error}\nCorrect that, and run `airnub rotate {name}` again: it completes the change.", fg="red", err=True
        )
        sys.exit(1)
    users = f", and {' and '.join(database.readers)} uses it" if database.readers else ""
    click.echo(f"The role {database.role} has a new password{users}.")
    if name == "index":
        click.echo(
            "Now change its URL in .env (AIRNUB_SECRET_…), and `docker compose up --no-deps setup`: runs that are "
            "started before have the old one.",
            err=True,
        )

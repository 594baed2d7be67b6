"""`airnub rotate`: change a database password with little downtime: the database first, then its file, then the server.

Open connections stay open, so the server continues to work until it is restarted with the new password.
"""

import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from airnub_cli import subprocesses
from airnub_cli.configuration.dotenv import known_values
from airnub_cli.subprocesses import ProgramError
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.exit_codes import FAILED, INVALID

FILE = "/var/lib/postgresql/password"
"""The file with the password of the role in a PostgreSQL service; docker-compose.yml writes it for a new database."""
UNDER_WAY = f"{FILE}.rotating"
"""Exists from the first step of a rotation to the last."""
BYTES = 24

Compose = Callable[..., str]
"""Runs `docker compose ARGUMENTS` with the input `stdin`, and returns its output."""


class RotationError(Exception):
    """The password in `.env` is not new."""


@dataclass(frozen=True, slots=True)
class Database:
    """A service of PostgreSQL."""

    service: str
    role: str
    setting: str | None
    """The variable of `.env` that may have the password."""
    readers: tuple[str, ...]
    """Services that read the file when they start."""


DATABASES = {
    "database": Database("postgres", "prefect", "POSTGRES_PASSWORD", ("server",)),
    "index": Database("index", "index", None, ()),
}


def compose_in(root: Path) -> Compose:
    """Return a function that runs `docker compose` in a checkout.

    Args:
        root: of the repository.
    """

    def compose(*arguments: str, stdin: str = "") -> str:
        return subprocesses.output(["docker", "compose", *arguments], root, text=stdin)

    return compose


def rotate_password(database: Database, compose: Compose, written: str | None = None) -> None:
    """Change the password of a role, and restart the services that read it. A second run completes an interrupted one.

    Args:
        database: the database of the role.
        compose: runs `docker compose`.
        written: the new password of `.env`; `None` for a random one.

    Raises:
        RotationError: the role has the password of `.env` already.
        ProgramError: the service does not run, or a step failed.
    """
    inside = ("exec", "-T", database.service)
    found = compose(*inside, "cat", FILE)
    if written is not None and written == found and not compose(*inside, "sh", "-c", f"cat {UNDER_WAY} || :"):
        raise RotationError(
            f"{database.setting} in .env: expected a new password or none, found the one that the role "
            f"{database.role} has already; change the line, or remove it for a random password"
        )
    compose(*inside, "sh", "-c", f"echo yes >{UNDER_WAY}")
    password = secrets.token_urlsafe(BYTES) if written is None else written
    quoted = password.replace("'", "''")
    psql = ("psql", "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database.role)
    compose(*inside, *psql, stdin=f"ALTER ROLE {database.role} PASSWORD '{quoted}';\n")
    save = f"umask 0333; rm -f {FILE}.new; cat >{FILE}.new && mv -f {FILE}.new {FILE}"
    compose(*inside, "sh", "-c", save, stdin=password)
    for service in database.readers:
        compose("restart", service)
        compose("up", "--detach", "--no-deps", "--no-build", "--no-recreate", "--wait", service)
    compose(*inside, "rm", "-f", UNDER_WAY)


@click.command("rotate", epilog="Example: uv run airnub rotate database")
@click.argument("name", metavar="NAME", type=click.Choice(list(DATABASES)))
def rotate(name: str) -> None:
    """Change a database password in the system of Docker Compose.

    NAME is `database`, the Prefect server's, or `index`, that of the departments' indexes. The new password is random,
    or for `database` a new POSTGRES_PASSWORD of .env. For `database`, the server then restarts with the new password:
    the API is unavailable for some seconds, and runs continue.
    """
    try:
        root = Workspace.root_around(Path.cwd())
        database = DATABASES[name]
        written = known_values(root).get(database.setting) if database.setting else None
        rotate_password(database, compose_in(root), written)
    except WorkspaceError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(INVALID)
    except RotationError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(FAILED)
    except ProgramError as error:
        click.secho(
            f"{error}\nCorrect that, and run `airnub rotate {name}` again: it completes the change.", fg="red", err=True
        )
        sys.exit(FAILED)
    users = f", and {' and '.join(database.readers)} uses it" if database.readers else ""
    click.echo(f"The role {database.role} has a new password{users}.")
    if name == "index":
        click.echo(
            "Now change its URL in .env (AIRNUB_SECRET_…), and run `docker compose up --no-deps setup`: runs that are "
            "started before that have the old password.",
            err=True,
        )

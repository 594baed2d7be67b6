"""A new password, in the order that avoids an outage: the database first, then the file, then the server that reads it.

Connections that are open stay open, so the server works on until it is started again with the new password.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from airnub_cli import programs

FILE = "/var/lib/postgresql/password"
"""Where a service of PostgreSQL has the password of its role; docker-compose.yml writes it for a new database."""
UNDER_WAY = f"{FILE}.rotating"
"""Beside it from the first step of a rotation to its last."""
BYTES = 24

Compose = Callable[..., str]
"""`docker compose ARGUMENTS`, with `stdin` for its input; what it prints."""


class RotationError(Exception):
    """`.env` has no new password."""


@dataclass(frozen=True, slots=True)
class Database:
    """A service of PostgreSQL."""

    service: str
    role: str
    setting: str | None
    """Of `.env`, where an operator may write the password."""
    readers: tuple[str, ...]
    """Services that read the file when they start."""


DATABASES = {
    "database": Database("postgres", "prefect", "POSTGRES_PASSWORD", ("server",)),
    "index": Database("index", "index", None, ()),
}


def compose_in(root: Path) -> Compose:
    """`docker compose` in a checkout.

    Args:
        root: of the repository.
    """

    def compose(*arguments: str, stdin: str = "") -> str:
        return programs.output(["docker", "compose", *arguments], root, text=stdin)

    return compose


def rotate(database: Database, compose: Compose, written: str | None = None) -> None:
    """Change the password of a role, and start again what reads it.

    Args:
        database: whose role.
        compose: runs `docker compose`.
        written: the new password, as `.env` has it; without one it is random.

    Raises:
        RotationError: `.env` has the password that the role has already.
        ProgramError: the service does not run, or a step failed. A second run completes what an interrupted one began.
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

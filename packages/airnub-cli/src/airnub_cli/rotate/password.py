"""A new password, in the order that avoids an outage: the database first, then the file, then the server that reads it.

Connections that are open stay open, so the server works on until it is started again with the new password.
"""

import secrets
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FILE = "/var/lib/postgresql/password"
"""Where a service of PostgreSQL has the password of its role; docker-compose.yml writes it for a new database."""
BYTES = 24

Compose = Callable[..., str]
"""`docker compose ARGUMENTS`, with `stdin` for its input; what it prints."""


class RotationError(Exception):
    """The password was not changed, or not everywhere."""


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
        command = ["docker", "compose", *arguments]
        try:
            done = subprocess.run(command, cwd=root, input=stdin, capture_output=True, text=True, check=False)
        except FileNotFoundError as error:
            raise RotationError("expected the command docker, found none; install Docker with Compose") from error
        if done.returncode != 0:
            found = (done.stderr or done.stdout).strip()
            raise RotationError(f"expected `{' '.join(command)}` to succeed, found status {done.returncode}: {found}")
        return done.stdout

    return compose


def rotate(database: Database, compose: Compose, written: str | None = None) -> None:
    """Change the password of a role, and start again what reads it.

    Args:
        database: whose role.
        compose: runs `docker compose`.
        written: the new password, as `.env` has it; without one it is random.

    Raises:
        RotationError: the service does not run, `.env` has the password that the role has already, or a step failed. A
            second run completes what a failed one began.
    """
    inside = ("exec", "-T", database.service)
    found = compose(*inside, "cat", FILE)
    if written is not None and written == found:
        raise RotationError(
            f"{database.setting} in .env: expected a new password or none, found the one that the role "
            f"{database.role} has already; change the line, or remove it for a random password"
        )
    password = secrets.token_urlsafe(BYTES) if written is None else written
    quoted = password.replace("'", "''")
    psql = ("psql", "--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", database.role)
    compose(*inside, *psql, stdin=f"ALTER ROLE {database.role} PASSWORD '{quoted}';\n")
    save = f"umask 0333; rm -f {FILE}.new; cat >{FILE}.new && mv -f {FILE}.new {FILE}"
    compose(*inside, "sh", "-c", save, stdin=password)
    for service in database.readers:
        compose("restart", service)
        compose("up", "--detach", "--no-deps", "--no-build", "--no-recreate", "--wait", service)

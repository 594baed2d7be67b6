"""Services of `airnub dev`: the command and environment of each, and its running process.

A service is a process in a session of its own, so that Ctrl-C reaches only `airnub dev`, which stops its services.
"""

import asyncio
import os
import subprocess
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGTERM

import yaml

from airnub_cli.configuration import LOCAL, SAMPLE
from airnub_cli.dev.postgresql import Cluster, as_user
from airnub_cli.dev.state import LOOPBACK, StateFolder
from airnub_cli.subprocesses import end_processes, process_tree
from airnub_common import DATA_ROOT

DATABASE, SERVER, SITE, DEPLOYER = "database", "server", "site", "deploy"


@dataclass(frozen=True, slots=True)
class Service:
    """The definition of a service's process."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    patience: float = 5.0
    """Seconds that it has to exit."""
    inherits: tuple[int, ...] = ()
    """Sockets that it inherits."""
    takes_orders: bool = False
    """Whether it reads orders on stdin and answers on stdout."""
    may_return: bool = False
    """Whether it is restarted when it dies; otherwise its death stops all services."""
    log: Path | None = None
    """Log file of its output; `None` prints the output to the terminal."""
    user: tuple[int, int] | None = None
    """User and group id that it runs as; `None` for our own."""


@dataclass(frozen=True, slots=True)
class Services:
    """The settings that all services share."""

    root: Path
    """The root of the repository."""
    state: StateFolder
    port: int
    """The port of the server."""
    drain_seconds: float
    site_port: int | None = None
    """The port of the sample site; `None` if deployments use each department's own sources."""
    cluster: Cluster | None = None
    """The cluster of PostgreSQL; `None` for SQLite."""

    @property
    def environment(self) -> str:
        """The name of the deployed environment."""
        return LOCAL if self.site_port is None else SAMPLE

    @property
    def url(self) -> str:
        """The URL of the server and its UI."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def api_url(self) -> str:
        """The URL of the server's API."""
        return f"{self.url}/api"

    def database(self) -> Service | None:
        """PostgreSQL; `None` if the database is SQLite."""
        if self.cluster is None:
            return None
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        return Service(
            DATABASE, self.cluster.command, environment | {"LC_ALL": "C"}, self.cluster.folder, patience=10.0,
            log=self._log(DATABASE), user=self.cluster.user,
        )  # fmt: skip

    def server(self, socket: int) -> Service:
        """The Prefect server, on a socket that already listens, so that requests wait until the server is ready."""
        command = ("-m", "airnub_prefect.embedded.process", str(os.getpid()), str(socket))
        database = {} if self.cluster is None else {"PREFECT_SERVER_DATABASE_CONNECTION_URL": self.cluster.url}
        part = self._part(SERVER, command, patience=20.0, inherits=(socket,), also=database)
        return replace(part, log=self._log(SERVER))

    def site(self) -> Service:
        """The sample site."""
        return self._part(SITE, ("-m", "airnub_cli.dev.sample_sites", str(self.root), LOOPBACK, str(self.site_port)))

    def deployer(self) -> Service:
        """The process that applies, compiles and deploys."""
        command = ("-m", "airnub_cli.dev.deployer", str(self.root), str(self.state.compiled), self.environment)
        # Looking up proxies in a forked child crashes on macOS; all requests are on loopback.
        return self._part(DEPLOYER, command, takes_orders=True, also={"NO_PROXY": "*", "no_proxy": "*"})

    def worker(self, pool: str) -> Service:
        """The worker of a pool."""
        command = ("-m", "airnub_prefect.worker", "--pool", pool, "--drain-seconds", str(self.drain_seconds))
        return self._part(pool, command, patience=self.drain_seconds + 5, may_return=True)

    def pools(self) -> list[str]:
        """The pools of the compiled deployments."""
        compiled = yaml.safe_load(self.state.compiled.read_text(encoding="utf-8"))
        return sorted({one["work_pool"]["name"] for one in compiled["deployments"]})

    def _log(self, name: str) -> Path:
        return self.state.home / "logs" / f"{name}.log"

    def _part(
        self, name: str, command: tuple[str, ...], *, patience: float = 5.0, inherits: tuple[int, ...] = (),
        takes_orders: bool = False, may_return: bool = False, also: Mapping[str, str] | None = None,
    ) -> Service:  # fmt: skip
        return Service(
            name, (sys.executable, *command), self._environment() | dict(also or {}), self.state.folder, patience,
            inherits, takes_orders, may_return,
        )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        # Settings for a different Prefect would misdirect services of this one. Log levels are harmless.
        own = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PREFECT_") or name.startswith("PREFECT_LOGGING_")
        }
        return own | {
            "PREFECT_API_URL": self.api_url,
            "PREFECT_UI_URL": self.url,
            "PREFECT_UI_API_URL": self.api_url,
            "PREFECT_HOME": str(self.state.home),
            "PREFECT_UI_STATIC_DIRECTORY": str(self.state.home / "ui"),
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            # By default leases are in memory: a restart would lose them, and the slots of concurrency limits with them.
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "airnub_prefect.lease_storage",
            # Without `flow_runs`, the vacuum never removes runs, task runs, logs and artifacts.
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "P90D",
            # One write a second for all task runs: single writes would lock SQLite, and automations drop events after
            # some failed attempts.
            "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
            "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            # Each worker serves its health check on a port: any free one, since there may be several workers.
            "PREFECT_WORKER_WEBSERVER_HOST": LOOPBACK,
            "PREFECT_WORKER_WEBSERVER_PORT": "0",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
            **({} if self.site_port is None else {"AIRNUB_SITE_URL": f"http://{LOOPBACK}:{self.site_port}"}),
            DATA_ROOT: str(self.state.folder),
            "TMPDIR": str(self.state.temporary),
            "PYTHONUNBUFFERED": "1",
        }


_CHUNK = 65_536
_LOOK_EVERY = 0.2
_LAST_PATIENCE = 5.0
"""Seconds that the descendants of a service have to exit after it."""


class RunningService:
    """A running service."""

    def __init__(self, part: Service, process: Process, say: Callable[[str, str], None]) -> None:
        """Take over a started process; `say` is called with the name of the service and each of its lines."""
        self.part = part
        self.started = time.monotonic()
        self._process = process
        self._say = say
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        self._readers = [asyncio.create_task(self._read(process.stderr, self._line))]
        self._readers.append(asyncio.create_task(self._read(process.stdout, self._out)))

    @classmethod
    async def start(cls, part: Service, say: Callable[[str, str], None]) -> "RunningService":
        """Start a service."""
        process = await asyncio.create_subprocess_exec(
            *part.command, env=part.environment, cwd=part.folder,
            stdin=PIPE if part.takes_orders else subprocess.DEVNULL, stdout=PIPE, stderr=PIPE,
            start_new_session=True, pass_fds=part.inherits,
            **as_user(part.user),
        )  # fmt: skip
        return cls(part, process, say)

    @property
    def pid(self) -> int:
        """The id of its first process."""
        return self._process.pid

    async def ended(self) -> int:
        """Wait until it has exited and its last line was printed; return its exit status."""
        status = await self._process.wait()
        # Its children may keep its pipes open for longer.
        await asyncio.wait(self._readers, timeout=1)
        return status

    async def order(self, line: str) -> str:
        """Give it an order; return its answer."""
        assert self._process.stdin is not None, "the part takes orders"
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()
        return await self._answers.get()

    def _is_over(self) -> bool:
        return self._process.returncode is not None

    async def stop(self, now: asyncio.Event) -> None:
        """Stop it with SIGTERM, wait for its grace period or until `now`, and kill its remaining descendants."""
        known = process_tree(self.pid)
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(SIGTERM)
            deadline = time.monotonic() + self.part.patience
            while not self._is_over() and time.monotonic() < deadline and not now.is_set():
                # Its children may be re-parented after its end, so they have to be listed before.
                known |= await asyncio.to_thread(process_tree, self.pid)
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(self._process.wait()), _LOOK_EVERY)
        left = await asyncio.to_thread(process_tree, *known)
        await asyncio.to_thread(end_processes, left, within=0.5 if now.is_set() else _LAST_PATIENCE)
        await self._process.wait()
        await asyncio.wait(self._readers, timeout=1)
        for reader in self._readers:
            reader.cancel()

    def _line(self, line: str) -> None:
        self._say(self.part.name, line)

    def _out(self, line: str) -> None:
        if self.part.takes_orders:
            self._answers.put_nowait(line)
        else:
            self._line(line)

    async def _read(self, stream: asyncio.StreamReader | None, take: Callable[[str], None]) -> None:
        # In chunks, since `readline` fails for a line that is longer than its buffer.
        assert stream is not None, "both are pipes"
        rest = b""
        while chunk := await stream.read(_CHUNK):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                take(line.decode(errors="replace"))
        if rest:
            take(rest.decode(errors="replace"))

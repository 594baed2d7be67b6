"""Parts: which processes the system on a laptop has, and what each is told by its environment."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from airnub_cli.configuration.environment import LOCAL, SAMPLE
from airnub_cli.dev.state import LOOPBACK, StateFolder
from airnub_core.checkout import DATA_ROOT

SERVER, SITE, DEPLOYER = "server", "site", "deploy"


@dataclass(frozen=True, slots=True)
class Service:
    """A process that is to run."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    patience: float = 5.0
    """Seconds that it has for its end."""
    inherits: tuple[int, ...] = ()
    """Sockets that it is given."""
    takes_orders: bool = False
    """On stdin, and answers on stdout."""
    may_return: bool = False
    """Whether it is started again when it dies, instead of that being the end of all."""


@dataclass(frozen=True, slots=True)
class Services:
    """What all parts need to know of each other."""

    root: Path
    """Of the repository."""
    state: StateFolder
    port: int
    """Of the server."""
    drain_seconds: float
    site_port: int | None = None
    """Of the sample site; `None` where the deployments have each department's own sources."""

    @property
    def environment(self) -> str:
        """The one of `configs/environments/` that is deployed."""
        return LOCAL if self.site_port is None else SAMPLE

    @property
    def url(self) -> str:
        """Of the server; its UI is there."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def api_url(self) -> str:
        """Of its API."""
        return f"{self.url}/api"

    def server(self, socket: int) -> Service:
        """The Prefect server, on a socket that listens already: requests wait there until it is ready."""
        command = ("-m", "airnub_prefect.embedded.process", str(os.getpid()), str(socket))
        return self._part(SERVER, command, patience=20.0, inherits=(socket,))

    def site(self) -> Service:
        """The sample site."""
        return self._part(SITE, ("-m", "airnub_cli.dev.sample_sites", str(self.root), LOOPBACK, str(self.site_port)))

    def deployer(self) -> Service:
        """What applies, compiles and deploys."""
        command = ("-m", "airnub_cli.dev.deployer", str(self.root), str(self.state.compiled), self.environment)
        # Asking macOS for proxies in a forked child would end it; all that is asked is on loopback.
        return self._part(DEPLOYER, command, takes_orders=True, also={"NO_PROXY": "*", "no_proxy": "*"})

    def worker(self, pool: str) -> Service:
        """The worker of a pool."""
        command = ("-m", "airnub_prefect.worker", "--pool", pool, "--drain-seconds", str(self.drain_seconds))
        return self._part(pool, command, patience=self.drain_seconds + 5, may_return=True)

    def pools(self) -> list[str]:
        """The pools that deployments need, once they were compiled."""
        compiled = yaml.safe_load(self.state.compiled.read_text(encoding="utf-8"))
        return sorted({one["work_pool"]["name"] for one in compiled["deployments"]})

    def _part(
        self, name: str, command: tuple[str, ...], *, patience: float = 5.0, inherits: tuple[int, ...] = (),
        takes_orders: bool = False, may_return: bool = False, also: Mapping[str, str] | None = None,
    ) -> Service:  # fmt: skip
        return Service(
            name, (sys.executable, *command), self._environment() | dict(also or {}), self.state.folder, patience,
            inherits, takes_orders, may_return,
        )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        # What is set for another Prefect would lead parts of this one elsewhere. How much is logged is no such thing.
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
            # In memory, which is the default, a restart loses what holds the slots of limits, and the slots with it.
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "airnub_prefect.lease_storage",
            # Without `flow_runs` runs, task runs, logs and artifacts are kept for ever.
            "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
            "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "P90D",
            # One write a second for all task runs, rather than one each: they lock SQLite under automations, whose
            # events are given up after some attempts.
            "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
            "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
            "DO_NOT_TRACK": "1",
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            # Each worker says on a port that it is healthy: on any, there may be several.
            "PREFECT_WORKER_WEBSERVER_HOST": LOOPBACK,
            "PREFECT_WORKER_WEBSERVER_PORT": "0",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
            **({} if self.site_port is None else {"AIRNUB_SITE_URL": f"http://{LOOPBACK}:{self.site_port}"}),
            DATA_ROOT: str(self.state.folder),
            "TMPDIR": str(self.state.temporary),
            "PYTHONUNBUFFERED": "1",
        }

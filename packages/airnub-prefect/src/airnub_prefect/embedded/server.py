"""Start and stop of the embedded server, importable without Prefect, so that command and server start in parallel."""

import importlib
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from http.client import HTTPException
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.error import HTTPError, URLError

from airnub_prefect.errors import EmbeddedServerError

READY_WITHIN = 120.0
STOP_WITHIN = 60.0
"""Seconds."""

EMBEDDED = "AIRNUB_EMBEDDED_SERVER"
"""Environment variable of a command with an embedded server."""

_RARELY = "86400"
_SERVER = {
    # Only the services that record flow runs, task runs and events; no UI, no telemetry.
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT_UI_ENABLED": "0",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_EVENTS_STREAM_OUT_ENABLED": "false",
    "PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED": "false",
    # Clients register the blocks that they use. With memoizing, a later server would assume that all are registered.
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
    # One write of all task runs and events at the end: otherwise they contend with the API for the lock of SQLite, and
    # each `database is locked` costs the client a pause of 2 s (measured: 8 s of a job of 10 s).
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "500",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": _RARELY,
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "500",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": _RARELY,
    "PREFECT_LOGGING_LEVEL": "WARNING",
}
# Modules that the first flow run would import between a ready server and the first line of a flow.
_NEEDED_SOON = (
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.events.worker",
    "prefect.utilities.visualization",
    "prefect.concurrency.v1",
    "anyio._backends._asyncio",
)


class EmbeddedServer:
    """A private Prefect server on a free port of loopback, with the database in Prefect's home.

    As a context manager it starts unless `start` was called, sets PREFECT_API_URL, and stops when everything is
    recorded.
    """

    def __init__(self, *, owner: int | None = None, home: Path | None = None) -> None:
        """Prepare the server; `start` starts it.

        Args:
            owner: id of the process that the server ends with; by default this one.
            home: Prefect's home, by default `PREFECT_HOME`, else `~/.prefect`.
        """
        self._owner = owner or os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._home = (home or Path(os.environ.get("PREFECT_HOME") or "~/.prefect")).expanduser().absolute()
        self._before: dict[str, str | None] = {}
        self._log: IO[bytes]
        self._ready = False
        self.url = ""
        """URL of its API."""

    @property
    def database(self) -> Path:
        """Path of the database that records the runs."""
        return self._home / "prefect.db"

    def __enter__(self) -> Self:
        if self._process is None:
            self.start()
        self._set({"PREFECT_API_URL": self.url, EMBEDDED: "1"})
        return self

    def start(self) -> int:
        """Start the server, and return the id of its process. It runs until `stop`, or until its owner ends.

        Raises:
            OSError: Prefect's home cannot be written, or no process can be started.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        # An unnamed file: it disappears however this process ends.
        self._log = tempfile.TemporaryFile(dir=self._home)  # noqa: SIM115  # closed in `stop`
        # The server inherits the bound socket: no other process can take the port in between, and an early request
        # waits in the backlog of the socket instead of failing.
        listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/api"
        environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
        with listening:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "airnub_prefect.embedded.process", str(self._owner), str(listening.fileno())],
                env=environment | {"PREFECT_HOME": str(self._home)} | _SERVER,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                pass_fds=[listening.fileno()],
                # Ctrl-C reaches the command alone, which then stops its server.
                start_new_session=True,
            )
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Return when the server answers; modules of the first flow run are imported meanwhile.

        Raises:
            EmbeddedServerError: the server ended instead; the message has the end of its log.
        """
        for module in _NEEDED_SOON:
            importlib.import_module(module)
        try:
            wait_for_api(self.url, READY_WITHIN)
        except OSError as error:
            raise EmbeddedServerError(self.url, f"{error}\n{self._log_tail()}".rstrip()) from None
        self._ready = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        process = self._process
        assert process is not None, "`__enter__` has started it"
        try:
            if self._ready and process.poll() is None:
                drain()
        finally:
            try:
                self.stop()
            finally:
                self._set(self._before)

    def stop(self) -> None:
        """Stop the server after it has recorded everything that it received."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_WITHIN)
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._process = None
            self._log.close()

    def detach(self) -> None:
        """Release the process: it runs until SIGTERM, or until its owner ends."""
        assert self._process is not None, "`start` was called"
        self._process.returncode = 0  # otherwise Popen warns that the process still runs
        self._process = None
        self._log.close()

    def _set(self, values: dict[str, str] | dict[str, str | None]) -> None:
        for name, value in values.items():
            self._before.setdefault(name, os.environ.get(name))
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

    def _log_tail(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-2000:]


def drain() -> None:
    """Send the queued logs and events of this process to the server; the server makes task runs from events."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=15)
    EventsWorker.drain_all(timeout=30)


def wait_for_api(url: str, timeout: float) -> None:
    """Return when the Prefect API at `url` answers.

    Raises:
        OSError: no answer within `timeout` seconds, an error status, or an answer that is not HTTP.
        ValueError: `url` is not a valid URL.
    """
    # Proxies of the environment are not used for an embedded server, which is on loopback.
    handlers = [urllib.request.ProxyHandler({})] if url.startswith("http://127.0.0.1:") else []
    try:
        with urllib.request.build_opener(*handlers).open(f"{url.rstrip('/')}/health", timeout=timeout) as answer:
            answer.read()
    except HTTPError as error:
        if error.code not in {401, 403}:  # a server that requires authentication is there
            raise
    except HTTPException as error:
        raise OSError(f"expected HTTP, found: {str(error) or type(error).__name__}") from error
    except URLError as error:
        # A server is there; Prefect's own settings decide which certificates are trusted.
        if not isinstance(error.reason, ssl.SSLCertVerificationError):
            raise

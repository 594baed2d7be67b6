"""The client side of the embedded server, importable without Prefect, so that both start at the same time."""

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
"""Set in the environment of a command whose server is embedded."""

_RARELY = "86400"
_SERVER = {
    # Only what records flow runs, task runs and events; no UI, nobody is called home.
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT_UI_ENABLED": "0",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_EVENTS_STREAM_OUT_ENABLED": "false",
    "PREFECT_SERVER_LOGS_STREAM_OUT_ENABLED": "false",
    # Clients register the blocks that they use. Memoizing would let a later server believe that all are registered.
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
    # One write for all task runs and events, at the end: else these lock SQLite under the API's own writes, and each
    # `database is locked` costs the client a pause of 2 s (8 s of a job of 10 s, measured).
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "500",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": _RARELY,
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "500",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": _RARELY,
    "PREFECT_LOGGING_LEVEL": "WARNING",
}
# What the first flow run would import, between a ready server and the first line of a flow.
_NEEDED_SOON = (
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.events.worker",
    "prefect.utilities.visualization",
    "prefect.concurrency.v1",
    "anyio._backends._asyncio",
)


class EmbeddedServer:
    """A Prefect server of this process's own, on a free port of loopback, with the database of Prefect's home.

    As a context manager: starts at once unless it has, points Prefect at itself, and stops when everything is recorded.
    """

    def __init__(self, *, owner: int | None = None, home: Path | None = None) -> None:
        """Prepare.

        Args:
            owner: the server ends with this process, by default this one.
            home: Prefect's home, by default `PREFECT_HOME`, else `~/.prefect`.
        """
        self._owner = owner or os.getpid()
        self._process: subprocess.Popen[bytes] | None = None
        self._home = (home or Path(os.environ.get("PREFECT_HOME") or "~/.prefect")).expanduser().absolute()
        self._before: dict[str, str | None] = {}
        self._log: IO[bytes]
        self._ready = False
        self.url = ""
        """Of its API."""

    @property
    def database(self) -> Path:
        """Where the runs are recorded."""
        return self._home / "prefect.db"

    def __enter__(self) -> Self:
        if self._process is None:
            self.start()
        self._set({"PREFECT_API_URL": self.url, EMBEDDED: "1"})
        return self

    def start(self) -> int:
        """Start it, and return the id of its process. It must be stopped, or ends with its owner.

        Raises:
            OSError: Prefect's home cannot be written, or no process can be started.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        # A file without a name: nothing is left behind, however this process ends.
        self._log = tempfile.TemporaryFile(dir=self._home)  # noqa: SIM115  # closed when the server has stopped
        # We bind and the server inherits: the port cannot be taken in between, and a request that comes early waits
        # in the socket's queue instead of being refused.
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
                # Ctrl-C is for the command, which then ends its server in good order.
                start_new_session=True,
            )
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Return when the server answers; what the first flow needs is imported meanwhile.

        Raises:
            EmbeddedServerError: it ended instead; the message holds its last words.
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
        assert process is not None, "it was started when the block was entered"
        try:
            if self._ready and process.poll() is None:
                drain()
        finally:
            try:
                self.stop()
            finally:
                self._set(self._before)

    def stop(self) -> None:
        """End it, once all that it received is recorded."""
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
        """Let it run on without this object: it ends by SIGTERM, or with its owner."""
        assert self._process is not None, "it was started"
        self._process.returncode = 0  # else Popen complains that nobody waited for it
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
    """Send what this process still has for the server: logs, and the events that task runs are made of."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=15)
    EventsWorker.drain_all(timeout=30)


def wait_for_api(url: str, timeout: float) -> None:
    """Return when there is a Prefect API at `url`.

    Raises:
        OSError: nobody answers within `timeout` seconds, or with an error, or it is no HTTP.
        ValueError: it is no URL.
    """
    # Without the proxies of the environment: an embedded server is on loopback.
    handlers = [urllib.request.ProxyHandler({})] if url.startswith("http://127.0.0.1:") else []
    try:
        with urllib.request.build_opener(*handlers).open(f"{url.rstrip('/')}/health", timeout=timeout) as answer:
            answer.read()
    except HTTPError as error:
        if error.code not in {401, 403}:  # somebody is there, who wants to know who asks
            raise
    except HTTPException as error:
        raise OSError(f"expected HTTP, found: {str(error) or type(error).__name__}") from error
    except URLError as error:
        # Somebody is there; which certificates are trusted is for Prefect's own settings to say.
        if not isinstance(error.reason, ssl.SSLCertVerificationError):
            raise

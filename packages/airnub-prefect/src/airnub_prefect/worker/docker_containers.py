"""Docker containers of runs: their exits, and containers that were never started.

`prefect-docker` watches a container only while the worker that started it lives. The events of the engine give any
worker of the pool the exit status and an out-of-memory kill; with `auto_remove` the container cannot be inspected
afterwards.

Containers are matched by the id of the pool: two systems on one engine, such as staging and production, have pools and
workers of the same names.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import docker  # type: ignore[import-untyped]
from docker.errors import DockerException, NotFound  # type: ignore[import-untyped]

_log = logging.getLogger("prefect.airnub.worker")

_RUN, _POOL, _WORKER = "io.prefect.flow-run-id", "io.prefect.work-pool-id", "io.prefect.worker-name"
_NUMBER = "com.docker.compose.container-number"
START_TIMEOUT = timedelta(minutes=1)
"""How long a different worker may take between creating and starting a container."""
_REPLAY_SECONDS = 60.0
_RECONNECT_SECONDS = 1.0

DOCKER_ERRORS = (DockerException, OSError)
"""Errors of the engine's client; connection errors are `OSError`."""


@dataclass(frozen=True, slots=True)
class ContainerExit:
    """Exit of the container of a run."""

    run: UUID
    status: int
    out_of_memory: bool
    """Whether the engine reported that the memory limit was reached."""


def compose_replica() -> int | None:
    """Number of this process's container in its Compose service, from 1; `None` outside of Compose."""
    try:
        client = docker.from_env()
        try:
            number = client.containers.get(socket.gethostname()).labels.get(_NUMBER)
        finally:
            client.close()
    except DOCKER_ERRORS:
        return None
    return int(number) if number else None


def remove_unstarted_containers(pool: UUID, worker: str, submitting: Collection[UUID]) -> dict[UUID, datetime]:
    """Remove containers whose worker died before it started them; started later, they would execute a run twice.

    Args:
        pool: id of the work pool.
        worker: name of the calling worker; containers of an earlier worker of this name are removed without waiting.
        submitting: runs that the calling worker is starting; their containers are kept.

    Returns:
        The time at which the removed container was created, by run.

    Raises:
        DockerException, OSError: the engine does not answer.
    """
    client = docker.from_env()
    try:
        filters = {"status": "created", "label": f"{_POOL}={pool}"}
        removed: dict[UUID, datetime] = {}
        for found in client.containers.list(all=True, filters=filters, ignore_removed=True):
            run = UUID(found.labels[_RUN])
            created = datetime.fromisoformat(found.attrs["Created"])
            age = datetime.now(UTC) - created
            if run in submitting or (found.labels.get(_WORKER) != worker and age < START_TIMEOUT):
                continue
            try:
                found.remove()
            except NotFound:  # a different worker of the pool has removed it
                continue
            removed[run] = max(created, removed.get(run, created))
        return removed
    finally:
        client.close()


def has_container(run: UUID) -> bool:
    """Whether a run has a running container, for example that of its next attempt.

    Raises:
        DockerException, OSError: the engine does not answer.
    """
    client = docker.from_env()
    try:
        return bool(client.containers.list(filters={"label": f"{_RUN}={run}"}, ignore_removed=True))
    finally:
        client.close()


class ContainerExits:
    """Follows the exits of a pool's containers in a thread, starting a minute in the past."""

    def __init__(self, pool: UUID, on_exit: Callable[[ContainerExit], object]) -> None:
        """Prepare to follow the pool with this id; `on_exit` is called in the thread."""
        self._pool, self._on_exit = pool, on_exit
        self._out_of_memory: set[str] = set()

    def start(self) -> None:
        """Start the thread, a daemon."""
        threading.Thread(target=self._follow, name="ends-of-containers", daemon=True).start()

    def _follow(self) -> None:
        since = time.time() - _REPLAY_SECONDS
        while True:
            client = None
            try:
                client = docker.from_env()
                filters = {"type": "container", "event": ["oom", "die"], "label": f"{_POOL}={self._pool}"}
                for event in client.events(since=int(since), decode=True, filters=filters):
                    since = event["time"]
                    self._handle(event)
            except DOCKER_ERRORS as error:
                _log.debug("Events of the Docker engine: %s; reconnecting", error)
            finally:
                if client is not None:
                    client.close()
            time.sleep(_RECONNECT_SECONDS)

    def _handle(self, event: dict[str, object]) -> None:
        actor = event["Actor"]
        if not isinstance(actor, dict) or _RUN not in actor["Attributes"]:
            return
        if event["Action"] == "oom":
            self._out_of_memory.add(actor["ID"])
            return
        out_of_memory = actor["ID"] in self._out_of_memory
        self._out_of_memory.discard(actor["ID"])
        values = actor["Attributes"]
        self._on_exit(ContainerExit(UUID(values[_RUN]), int(values["exitCode"]), out_of_memory))

"""Containers of runs in the Docker engine: how they ended, and those that were never started.

`prefect-docker` watches a container only while the worker lives that started it. The engine's events tell any worker of
the pool how a container ended, also why: with `auto_remove` it cannot be inspected afterwards.

A pool is known by its id: two systems on one engine, such as staging and production, have pools and workers of the same
names.
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
"""How long another worker may take between creating a container and starting it."""
_REPLAY_SECONDS = 60.0
_RECONNECT_SECONDS = 1.0

DOCKER_ERRORS = (DockerException, OSError)
"""What the engine's client raises; errors of the connection are the latter."""


@dataclass(frozen=True, slots=True)
class ContainerExit:
    """The container of a run has ended by itself, or was killed."""

    run: UUID
    status: int
    out_of_memory: bool
    """As the engine says, which knows whether the memory limit was reached."""


def compose_replica() -> int | None:
    """Which one this process's container is of its Compose service, from 1; `None` outside of Compose."""
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
    """Remove containers that a worker created and did not live to start: started later, they would run a second time.

    Args:
        pool: whose runs; its id.
        worker: name of the worker that asks; what its predecessor left needs no waiting.
        submitting: runs that this worker is starting now; their containers stay.

    Returns:
        Their runs, each with the time at which its container was created.

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
            except NotFound:  # by another worker of the pool
                continue
            removed[run] = max(created, removed.get(run, created))
        return removed
    finally:
        client.close()


def has_container(run: UUID) -> bool:
    """Whether a container of a run is under way, such as one of its next attempt.

    Raises:
        DockerException, OSError: the engine does not answer.
    """
    client = docker.from_env()
    try:
        return bool(client.containers.list(filters={"label": f"{_RUN}={run}"}, ignore_removed=True))
    finally:
        client.close()


class ContainerExits:
    """Follows the engine's events in a thread of its own, from a minute ago on."""

    def __init__(self, pool: UUID, on_exit: Callable[[ContainerExit], object]) -> None:
        """Follow those of the pool of this id; `say` is called in that thread."""
        self._pool, self._on_exit = pool, on_exit
        self._out_of_memory: set[str] = set()

    def start(self) -> None:
        """Begin; it ends with the process."""
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
                _log.debug("Events of the engine: %s; they are followed again", error)
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

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
OTHERS_TIME = timedelta(minutes=1)
"""How long another worker may take between creating a container and starting it."""
_LOOK_BACK = 60.0
_PAUSE = 1.0

FAULTS = (DockerException, OSError)
"""What the engine's client raises; errors of the connection are the latter."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The container of a run has ended by itself, or was killed."""

    run: UUID
    status: int
    out_of_memory: bool
    """As the engine says, which knows whether the memory limit was reached."""


def compose_number() -> int | None:
    """Which one this process's container is of its Compose service, from 1; `None` outside of Compose."""
    try:
        client = docker.from_env()
        try:
            number = client.containers.get(socket.gethostname()).labels.get(_NUMBER)
        finally:
            client.close()
    except FAULTS:
        return None
    return int(number) if number else None


def remove_unstarted(pool: UUID, worker: str, submitting: Collection[UUID]) -> dict[UUID, datetime]:
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
            if run in submitting or (found.labels.get(_WORKER) != worker and age < OTHERS_TIME):
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


class EndsOfContainers:
    """Follows the engine's events in a thread of its own, from a minute ago on."""

    def __init__(self, pool: UUID, say: Callable[[Ended], object]) -> None:
        """Follow those of the pool of this id; `say` is called in that thread."""
        self._pool, self._say = pool, say
        self._out_of_memory: set[str] = set()

    def start(self) -> None:
        """Begin; it ends with the process."""
        threading.Thread(target=self._follow, name="ends-of-containers", daemon=True).start()

    def _follow(self) -> None:
        since = time.time() - _LOOK_BACK
        while True:
            client = None
            try:
                client = docker.from_env()
                filters = {"type": "container", "event": ["oom", "die"], "label": f"{_POOL}={self._pool}"}
                for event in client.events(since=int(since), decode=True, filters=filters):
                    since = event["time"]
                    self._look_at(event)
            except FAULTS as error:
                _log.debug("Events of the engine: %s; they are followed again", error)
            finally:
                if client is not None:
                    client.close()
            time.sleep(_PAUSE)

    def _look_at(self, event: dict[str, object]) -> None:
        actor = event["Actor"]
        if not isinstance(actor, dict) or _RUN not in actor["Attributes"]:
            return
        if event["Action"] == "oom":
            self._out_of_memory.add(actor["ID"])
            return
        out_of_memory = actor["ID"] in self._out_of_memory
        self._out_of_memory.discard(actor["ID"])
        values = actor["Attributes"]
        self._say(Ended(UUID(values[_RUN]), int(values["exitCode"]), out_of_memory))

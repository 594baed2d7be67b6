"""Worker of a Docker pool: its runs continue without it, and it reports how containers ended.

It also reconciles what other workers left behind: containers that were never started, and the exit of containers whose
worker is gone.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from prefect.client.schemas.objects import State
from prefect.exceptions import Abort, ObjectNotFound, PrefectHTTPStatusError
from prefect.states import Crashed, Scheduled
from prefect.utilities.engine import propose_state

from airnub_prefect.worker.docker_containers import (
    DOCKER_ERRORS,
    START_TIMEOUT,
    ContainerExit,
    ContainerExits,
    has_container,
    remove_unstarted_containers,
)
from airnub_prefect.worker.drain import API_TIMEOUT, GracefulWorker, describe_exit

START_AGAIN = "start-again"
"""Tag of deployments whose runs are scheduled again when their container was never started."""
NEVER_STARTED = "Its worker died before it started."
_ENGINE_DELAY = 0.2
_EXIT_REPORT_DELAY = 10.0

_log = logging.getLogger("prefect.airnub.worker")


class GracefulDockerWorker(GracefulWorker):
    """Mixin for a worker of a Docker pool."""

    type = "graceful-docker"
    runs_outlive_worker = True
    pool_id: UUID

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._out_of_memory: set[UUID] = set()
        self._reports: set[asyncio.Task[None]] = set()

    async def setup(self) -> None:
        """Follow the exits of the pool's containers, including containers that an earlier worker started."""
        await super().setup()
        loop = asyncio.get_running_loop()
        ContainerExits(self.pool_id, lambda end: loop.call_soon_threadsafe(self._on_exit, end)).start()

    def _on_exit(self, end: ContainerExit) -> None:
        if end.out_of_memory:
            self._out_of_memory.add(end.run)
        if end.status != 0:
            # The run's own report comes first. A run that this worker waits for is reported by Prefect's worker, unless
            # the container was removed before it could be inspected.
            self._keep(self._report(end, _EXIT_REPORT_DELAY if end.run in self._started else API_TIMEOUT))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    async def _report(self, end: ContainerExit, delay: float) -> None:
        """Crash the run of an exited container if it is still Running after `delay` seconds."""
        await asyncio.sleep(delay)
        try:
            run = await self.client.read_flow_run(end.run)
            if run.state is None or not run.state.is_running() or await asyncio.to_thread(has_container, end.run):
                return
            message = await self.exit_message(end.run, end.status)
            await propose_state(self.client, Crashed(message=message), flow_run_id=end.run)
        except (Abort, ObjectNotFound):
            return
        except (httpx.HTTPError, PrefectHTTPStatusError, RuntimeError, *DOCKER_ERRORS) as error:
            _log.warning(
                "Run %s: its container ended with %d, which could not be reported: %s", end.run, end.status, error
            )
            return
        _log.info("Run %r: %s", run.name, message)

    async def exit_message(self, run: UUID, status: int) -> str:
        """How the container of a run ended, as the message of its state."""
        await asyncio.sleep(_ENGINE_DELAY)  # the engine's out-of-memory event may follow the exit
        reason = describe_exit(status, out_of_memory=run in self._out_of_memory)
        self._out_of_memory.discard(run)
        return f"Its container ended with {status}: {reason}."

    async def reconcile(self) -> None:
        """Also remove containers that were never started, and end their runs."""
        try:
            removed = await asyncio.to_thread(
                remove_unstarted_containers, self.pool_id, self.name, set(self._submitting_flow_run_ids)
            )
        except DOCKER_ERRORS as error:
            raise OSError(f"the Docker engine: {error}") from error
        for run, created in removed.items():
            await self._end_unstarted(run, created)
        await super().reconcile()

    async def _end_unstarted(self, run_id: UUID, created: datetime) -> None:
        try:
            run = await self.client.read_flow_run(run_id)
        except ObjectNotFound:
            return
        if run.state is None or not run.state.is_pending():
            return
        if run.state.timestamp > created + START_TIMEOUT:  # it was started again since, and has a new container
            return
        again = START_AGAIN in run.tags
        make = Scheduled if again else Crashed
        with contextlib.suppress(Abort):
            state: State[Any] = make(message=NEVER_STARTED)
            await propose_state(self.client, state, flow_run_id=run_id)
        _log.warning("Run %r: %s%s", run.name, NEVER_STARTED, " It is started again." if again else "")

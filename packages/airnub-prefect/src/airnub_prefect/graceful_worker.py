"""Worker classes with graceful shutdown, mixed into the worker class of a pool's type by `worker`.

They also reconcile what other processes left behind: Docker containers that were created and never started, subflow
runs whose parent has ended, and the exit of containers whose worker is gone.
"""

import asyncio
import contextlib
import logging
import signal
import ssl
from base64 import b64encode
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.events import emit_event
from prefect.exceptions import Abort, ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_KEY,
    PREFECT_API_SSL_CERT_FILE,
    PREFECT_API_TLS_INSECURE_SKIP_VERIFY,
    PREFECT_API_URL,
)
from prefect.states import Crashed, Scheduled
from prefect.utilities.engine import propose_state
from prefect.workers.base import BaseWorker

from airnub_prefect.subflows import crash_orphans

SUBMITTING = "airnub.flow-run.submitting"
"""Event of a run whose submission takes long, such as an image pull; an automation in `configs/automations/` waits for
it."""
START_AGAIN = "start-again"
"""Tag of deployments whose runs are scheduled again when their container was never started."""
NEVER_STARTED = "Its worker died before it started."
API_TIMEOUT = 2.0
"""Seconds that the API may take to answer whether it is there."""
FLUSH_TIMEOUT = 5.0
"""Seconds that submissions get once the API is unreachable, and that events and the deregistration get at the end."""

_ENGINE_DELAY = 0.2
_RECONCILE_SECONDS = 15.0
_EXIT_REPORT_DELAY = 10.0
_SHELL_OFFSET = 128
_SIGNALS = {one.value: one.name for one in signal.Signals}

_log = logging.getLogger("prefect.airnub.worker")


class GracefulWorker(BaseWorker[Any, Any, Any]):
    """Mixin for a worker of any type."""

    type = "graceful"
    runs_outlive_worker = False
    """Whether runs continue, and report their own end, after the worker has exited."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.draining = False
        self.has_successor = False
        self._started: set[UUID] = set()
        self._submitting: dict[UUID, FlowRun] = {}
        self._statuses: dict[UUID, int] = {}

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Poll for runs. A draining worker does not poll, and counts as healthy."""
        if self.draining:
            self._last_polled_time = datetime.now(UTC)
            return []
        return await super().get_and_submit_flow_runs()

    async def _submit_run(self, flow_run: FlowRun) -> None:
        self._submitting[flow_run.id] = flow_run
        try:
            await super()._submit_run(flow_run)
        finally:
            del self._submitting[flow_run.id]

    async def _submit_run_and_capture_errors(self, flow_run: FlowRun, *arguments: Any, **named: Any) -> Any:
        self._started.add(flow_run.id)
        try:
            return await super()._submit_run_and_capture_errors(flow_run, *arguments, **named)
        finally:
            self._started.discard(flow_run.id)
            self._statuses.pop(flow_run.id, None)

    async def run(self, flow_run: FlowRun, configuration: Any, task_status: Any = None) -> Any:
        """Run it as the worker's type does, and keep its exit status."""
        result = await super().run(flow_run, configuration, task_status)  # type: ignore[safe-super]  # mixed into a type
        self._statuses[flow_run.id] = result.status_code
        return result

    async def _propose_crashed_state(
        self, flow_run: FlowRun, message: str, client: PrefectClient | None = None
    ) -> None:
        status = self._statuses.get(flow_run.id)
        await super()._propose_crashed_state(
            flow_run, message if status is None else await self.exit_message(flow_run.id, status), client
        )

    async def exit_message(self, run: UUID, status: int) -> str:  # noqa: ARG002  # a Docker worker looks up the run
        """How the process of a run ended, as the message of its state."""
        return f"Its process ended with {status}: {describe_exit(status)}."

    @property
    def active_runs(self) -> int:
        """How many runs the worker has taken and must wait for."""
        continue_alone = self.runs_outlive_worker and self.has_successor
        return len(self._submitting_flow_run_ids if continue_alone else self._submitting_flow_run_ids | self._started)

    async def reconcile(self) -> None:
        """Send an event for each run that is being submitted, and crash orphaned subflow runs."""
        for run in list(self._submitting.values()):
            emit_event(
                SUBMITTING,
                {"prefect.resource.id": f"prefect.flow-run.{run.id}", "prefect.resource.name": run.name},
                related=[
                    {"prefect.resource.id": f"prefect.tag.{tag}", "prefect.resource.role": "tag"} for tag in run.tags
                ],
            )
        for run in await crash_orphans(self.client):
            _log.info("Run %r: its parent has ended, so it is Crashed", run.name)

    async def reconcile_until_cancelled(self) -> None:
        """Reconcile every 15 seconds; a failure of the API or of the Docker engine is logged and retried."""
        while True:
            if self._has_successfully_synced:
                try:
                    await self.reconcile()
                except (httpx.HTTPError, PrefectHTTPStatusError, OSError) as error:
                    _log.warning("Reconciliation failed, and is retried in %.0f s: %s", _RECONCILE_SECONDS, error)
            await asyncio.sleep(_RECONCILE_SECONDS)

    async def deregister(self) -> None:
        """Remove the worker from the server's list of workers.

        Raises:
            httpx.HTTPError, TimeoutError: the server did not do it; it lists the worker as OFFLINE when heartbeats are
                missed.
        """
        path = f"/work_pools/{quote(self._work_pool_name, safe='')}/workers/{quote(self.name, safe='')}"
        async with asyncio.timeout(FLUSH_TIMEOUT), api_client() as client:
            answer = await client.delete(path)
        if answer.status_code != httpx.codes.NOT_FOUND:
            answer.raise_for_status()


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
        from airnub_prefect.docker_containers import ContainerExits

        await super().setup()
        loop = asyncio.get_running_loop()
        ContainerExits(self.pool_id, lambda end: loop.call_soon_threadsafe(self._on_exit, end)).start()

    def _on_exit(self, end: Any) -> None:
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

    async def _report(self, end: Any, delay: float) -> None:
        """Crash the run of an exited container if it is still Running after `delay` seconds."""
        from airnub_prefect.docker_containers import DOCKER_ERRORS, has_container

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
        from airnub_prefect.docker_containers import DOCKER_ERRORS, remove_unstarted_containers

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
        from airnub_prefect.docker_containers import START_TIMEOUT

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


async def wait_until_api_unreachable() -> None:
    """Return when the API has failed to answer twice in a row."""
    missed = 0
    while missed < 2:
        try:
            async with asyncio.timeout(API_TIMEOUT), api_client() as client:
                # Prefect Cloud and a proxy may answer 404 or 403 here: the API is reachable all the same.
                missed = missed + 1 if (await client.get("/health")).is_server_error else 0
        except (httpx.HTTPError, TimeoutError):
            missed += 1
        await asyncio.sleep(1)


def api_client() -> httpx.AsyncClient:
    """A client of the configured API without the retries of Prefect's client, with the same credentials and TLS."""
    headers: dict[str, str] = {}
    basic, key = PREFECT_API_AUTH_STRING.value(), PREFECT_API_KEY.value()
    if basic:
        headers["Authorization"] = f"Basic {b64encode(basic.encode()).decode()}"
    elif key:
        headers["Authorization"] = f"Bearer {key}"
    authority = PREFECT_API_SSL_CERT_FILE.value()
    verify: bool | ssl.SSLContext = ssl.create_default_context(cafile=authority) if authority else True
    if PREFECT_API_TLS_INSECURE_SKIP_VERIFY.value():
        verify = False
    return httpx.AsyncClient(base_url=PREFECT_API_URL.value() or "", headers=headers, verify=verify)


def describe_exit(status: int, *, out_of_memory: bool = False) -> str:
    """An exit status in words: `137` and `-9` are both "killed (signal 9)".

    Args:
        status: as Python (`-9`) or a container (`137`) reports it.
        out_of_memory: whether the Docker engine reported that the memory limit was reached; a kill alone does not mean
            that.

    >>> describe_exit(137)
    'killed (signal 9)'
    >>> describe_exit(137, out_of_memory=True)
    'out of memory: the engine reports that the memory limit was reached (signal 9)'
    >>> describe_exit(143), describe_exit(-15), describe_exit(3)
    ('ended by SIGTERM (signal 15)', 'ended by SIGTERM (signal 15)', 'exit status 3')
    """
    number = -status if status < 0 else status - _SHELL_OFFSET
    ended_by = f"signal {number}" if number in _SIGNALS else f"exit status {status}"
    if out_of_memory:
        return f"out of memory: the engine reports that the memory limit was reached ({ended_by})"
    if number == signal.SIGKILL:
        return f"killed ({ended_by})"
    return f"ended by {_SIGNALS[number]} ({ended_by})" if number in _SIGNALS else ended_by

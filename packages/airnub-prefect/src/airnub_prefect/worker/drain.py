"""Drain of a worker: on SIGTERM it takes no new run, waits for its own runs, and then exits.

`prefect worker start` exits at once: runs of a process pool are killed and stay Running for ever, and a run that is
being submitted is left without a container. Pausing the pool first would stop every other worker of it too, and the
pause would remain if the worker is killed meanwhile. So only this worker stops polling; nothing changes on the server.

Runs in Docker continue without their worker. So it does not wait for them when the API is unreachable: they cannot
end before the API is back, and the server may be waiting for the worker, since Compose stops all services that it
recreates before it starts the first. SIGUSR1 announces a successor: the worker then waits for the runs that it is
submitting, and not for running ones. A second SIGTERM ends it at once.

`GracefulWorker` is mixed into the worker class of the pool's type. It also crashes orphaned subflow runs.
"""

import asyncio
import logging
import signal
import ssl
import time
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.events import emit_event
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_KEY,
    PREFECT_API_SSL_CERT_FILE,
    PREFECT_API_TLS_INSECURE_SKIP_VERIFY,
    PREFECT_API_URL,
)
from prefect.workers.base import BaseWorker

from airnub_prefect.worker.subflows import crash_orphans

SUBMITTING = "airnub.flow-run.submitting"
"""Event of a run whose submission takes long, such as an image pull; an automation in `configs/automations/` waits for
it."""
API_TIMEOUT = 2.0
"""Seconds that the API may take to answer whether it is there."""
FLUSH_TIMEOUT = 5.0
"""Seconds that submissions get once the API is unreachable, and that events and the deregistration get at the end."""

_POLL_SECONDS = 0.2
_RECONCILE_SECONDS = 15.0
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


class StopSignals:
    """SIGTERM and SIGINT as events of the running loop."""

    def __init__(self, worker: GracefulWorker) -> None:
        """Handle the signals of this process from now on; SIGUSR1 announces a successor to the worker."""
        self.received = asyncio.Event()
        self.repeated = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop)
        loop.add_signal_handler(signal.SIGUSR1, lambda: setattr(worker, "has_successor", True))

    def _on_stop(self) -> None:
        (self.repeated if self.received.is_set() else self.received).set()


async def drain(worker: GracefulWorker, running: asyncio.Task[None], signals: StopSignals, seconds: float) -> None:
    """Let a worker end its runs.

    Args:
        worker: the worker, which takes no new run from now on.
        running: its main task.
        signals: a second SIGTERM ends the drain.
        seconds: how long its runs may take; runs of a Docker pool continue without it after that.
    """
    worker.draining = True
    if worker.active_runs:
        _log.info("Draining: no new runs are taken; up to %.0f s for %d to end", seconds, worker.active_runs)
    end = time.monotonic() + seconds
    unreachable = asyncio.create_task(wait_until_api_unreachable()) if worker.runs_outlive_worker else None
    while worker.active_runs and not running.done() and not signals.repeated.is_set() and time.monotonic() < end:
        if unreachable is not None and unreachable.done() and not worker.has_successor:
            _log.warning("Draining: the API is unreachable; runs continue, and report when it is back")
            worker.has_successor = True
            end = min(end, time.monotonic() + FLUSH_TIMEOUT)
        await asyncio.sleep(_POLL_SECONDS)
    if unreachable is not None:
        unreachable.cancel()
    left = len(worker._submitting_flow_run_ids | worker._started)
    if worker.active_runs:
        _log.warning("Stopped with %d runs that have not ended", left)
    elif left:
        _log.info("Stopped; %d runs continue without it", left)


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

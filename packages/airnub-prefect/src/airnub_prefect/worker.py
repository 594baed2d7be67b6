"""A worker with graceful shutdown: on SIGTERM it takes no new run, waits for its own runs, and then exits.

    python -m airnub_prefect.worker --pool project-alpha --drain-seconds 300

`prefect worker start` ends at once: runs of a process pool are killed and stay Running for ever, and a run that is
being submitted is left without a container. Pausing the pool first would stop every other worker of it too, and would
stay where the worker is killed meanwhile; so what is paused here is this worker alone, and nothing on the server.

Runs in containers of their own live on without their worker. So it does not wait for them when the API is away: they
cannot end before it is back, and the server may be waiting for the worker, since Compose starts none of the services
that it recreates before it has stopped all of them. SIGUSR1 announces a successor: then the worker waits for what it
is submitting, and not for what runs. A second SIGTERM ends it at once.

While it works it looks after what other processes left behind: containers that were created and never started, and
subflow runs whose parent has ended.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import time
import warnings
from base64 import b64encode
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import click
import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
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

from airnub_prefect.errors import ConfigurationError
from airnub_prefect.exit_status import described
from airnub_prefect.subflows import crash_orphans
from airnub_prefect.worker_metrics import DiskWatch, log_failure, watch
from airnub_prefect.worker_metrics import served as metrics_served

_log = logging.getLogger("prefect.airnub.worker")
_LOOK_EVERY = 0.2
_CARE_EVERY = 15.0
_API_PATIENCE = 2.0
_LATE = 10.0
_LAST_CALLS = 5.0
"""Seconds that submissions get once the API is away, and events at the end."""

SUBMITTING = "airnub.flow-run.submitting"
"""An event of a run whose submission takes long, as the pull of an image does; `configs/automations/` waits for it."""
START_AGAIN = "start-again"
"""Tag of deployments whose runs are started again when they were never started."""
NEVER_STARTED = "Its worker died before it started."


class Draining(BaseWorker[Any, Any, Any]):
    """What is added to a worker of any type."""

    type = "draining"
    runs_outlive_it = False
    """Whether runs go on and report for themselves when the worker is gone."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.draining = False
        self.has_successor = False
        self._started: set[UUID] = set()
        self._submitting: dict[UUID, FlowRun] = {}
        self._statuses: dict[UUID, int] = {}

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Poll, unless it is draining: then it polls no more, and is healthy."""
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
        """Run it as its kind of worker does, and remember how its process ended."""
        result = await super().run(flow_run, configuration, task_status)  # type: ignore[safe-super]  # a worker's of a kind follows
        self._statuses[flow_run.id] = result.status_code
        return result

    async def _propose_crashed_state(
        self, flow_run: FlowRun, message: str, client: PrefectClient | None = None
    ) -> None:
        status = self._statuses.get(flow_run.id)
        await super()._propose_crashed_state(
            flow_run, message if status is None else await self.end_of(flow_run.id, status), client
        )

    async def end_of(self, run: UUID, status: int) -> str:  # noqa: ARG002  # what the engine knows of it may count
        """How the process of a run ended, for the message of its state."""
        return f"Its process ended with {status}: {described(status)}."

    @property
    def at_work(self) -> int:
        """How many runs it has taken that it has to wait for."""
        leaves = self.runs_outlive_it and self.has_successor
        return len(self._submitting_flow_run_ids if leaves else self._submitting_flow_run_ids | self._started)

    async def look_after(self) -> None:
        """Say what is being submitted, and end what cannot end by itself."""
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

    async def keep_looking(self) -> None:
        """Look after things until it is cancelled; an API or an engine that does not answer is asked again."""
        while True:
            if self._has_successfully_synced:
                try:
                    await self.look_after()
                except (httpx.HTTPError, PrefectHTTPStatusError, OSError) as error:
                    _log.warning("What other processes left behind is looked at again later: %s", error)
            await asyncio.sleep(_CARE_EVERY)

    async def sign_off(self) -> None:
        """Take its row from the server's list of workers.

        Raises:
            httpx.HTTPError, TimeoutError: the server did not do it; the row is OFFLINE when heartbeats are missed.
        """
        path = f"/work_pools/{quote(self._work_pool_name, safe='')}/workers/{quote(self.name, safe='')}"
        async with asyncio.timeout(_LAST_CALLS), _plain_client() as client:
            answer = await client.delete(path)
        if answer.status_code != httpx.codes.NOT_FOUND:
            answer.raise_for_status()


class _InContainers(Draining):
    """What is added to a worker of a Docker pool."""

    type = "draining-in-containers"
    runs_outlive_it = True
    pool_id: UUID

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._out_of_memory: set[UUID] = set()
        self._reports: set[asyncio.Task[None]] = set()

    async def setup(self) -> None:
        """Follow how containers end, also those that a worker before this one started."""
        from airnub_prefect.run_containers import EndsOfContainers

        await super().setup()
        loop = asyncio.get_running_loop()
        EndsOfContainers(self.pool_id, lambda end: loop.call_soon_threadsafe(self._ended, end)).start()

    def _ended(self, end: Any) -> None:
        if end.out_of_memory:
            self._out_of_memory.add(end.run)
        if end.status != 0:
            # Its own last words come first. Where this worker waits for it, that says the end, unless the container was
            # removed before it could be asked.
            self._keep(self._report(end, _LATE if end.run in self._started else _API_PATIENCE))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    async def _report(self, end: Any, delay: float) -> None:
        """The end of a container whose run says nothing of it."""
        from airnub_prefect.run_containers import FAULTS, has_container

        await asyncio.sleep(delay)
        try:
            run = await self.client.read_flow_run(end.run)
            if run.state is None or not run.state.is_running() or await asyncio.to_thread(has_container, end.run):
                return
            message = await self.end_of(end.run, end.status)
            await propose_state(self.client, Crashed(message=message), flow_run_id=end.run)
        except (Abort, ObjectNotFound):
            return
        except (httpx.HTTPError, PrefectHTTPStatusError, RuntimeError, *FAULTS) as error:
            _log.warning(
                "Run %s: its container ended with %d, which could not be reported: %s", end.run, end.status, error
            )
            return
        _log.info("Run %r: %s", run.name, message)

    async def end_of(self, run: UUID, status: int) -> str:
        """How the container of a run ended."""
        await asyncio.sleep(_LOOK_EVERY)  # the engine says so beside the end, not before it
        reason = described(status, out_of_memory=run in self._out_of_memory)
        self._out_of_memory.discard(run)
        return f"Its container ended with {status}: {reason}."

    async def look_after(self) -> None:
        """Remove containers that were never started, too, and end their runs."""
        from airnub_prefect.run_containers import FAULTS, remove_unstarted

        try:
            left = await asyncio.to_thread(
                remove_unstarted, self.pool_id, self.name, set(self._submitting_flow_run_ids)
            )
        except FAULTS as error:
            raise OSError(f"the Docker engine: {error}") from error
        for run, created in left.items():
            await self._end_unstarted(run, created)
        await super().look_after()

    async def _end_unstarted(self, number: UUID, created: datetime) -> None:
        from airnub_prefect.run_containers import OTHERS_TIME

        try:
            run = await self.client.read_flow_run(number)
        except ObjectNotFound:
            return
        if run.state is None or not run.state.is_pending():
            return
        if run.state.timestamp > created + OTHERS_TIME:  # it was started again since, and has a new container
            return
        again = START_AGAIN in run.tags
        make = Scheduled if again else Crashed
        with contextlib.suppress(Abort):
            state: State[Any] = make(message=NEVER_STARTED)
            await propose_state(self.client, state, flow_run_id=number)
        _log.warning("Run %r: %s%s", run.name, NEVER_STARTED, " It is started again." if again else "")


async def work(
    pool: str, *, name: str | None, queues: Sequence[str], limit: int | None, drain_seconds: float,
    disks: Sequence[Path] = (),
) -> bool:  # fmt: skip
    """Run a worker of a pool until SIGTERM or SIGINT, and let it drain.

    Args:
        pool: its name; its type says what kind of worker is run.
        name: of the worker; by default the pool and its number in Compose, else the pool and this machine.
        queues: those of it that are polled; all when empty.
        limit: how many runs at a time.
        drain_seconds: how long its runs may take to end; what runs longer goes on without it in a Docker pool.
        disks: paths whose file systems are measured.

    Returns:
        Whether runs go on without it.

    Raises:
        ConfigurationError: there is no such pool, or no worker of its type is installed.
    """
    kind = await _kind(pool)
    worker = kind(
        work_pool_name=pool, work_queues=list(queues), limit=limit, create_pool_if_not_found=False,
        name=name or _name(pool, kind),
    )  # fmt: skip
    stopping, again = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: (again if stopping.is_set() else stopping).set())
    loop.add_signal_handler(signal.SIGUSR1, lambda: setattr(worker, "has_successor", True))
    running = asyncio.create_task(worker.start(with_healthcheck=True, printer=_log.info))
    watching = asyncio.create_task(watch(worker, pool, DiskWatch(disks)))
    watching.add_done_callback(log_failure)
    looking = asyncio.create_task(worker.keep_looking())
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        worker.draining = True
        await _drained(worker, running, again, drain_seconds)
    leaves = bool(worker._started)
    for task in (waiting, watching, looking, running):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    try:
        await worker.sign_off()
    except (TimeoutError, httpx.HTTPError) as error:
        _log.info("The server lists this worker until its heartbeats are missed: %r", error)
    return leaves


async def _drained(worker: Draining, running: asyncio.Task[None], again: asyncio.Event, seconds: float) -> None:
    if worker.at_work:
        _log.info("Draining: no new runs are taken; up to %.0f s for %d to end", seconds, worker.at_work)
    end = time.monotonic() + seconds
    watching = asyncio.create_task(_api_goes_away()) if worker.runs_outlive_it else None
    while worker.at_work and not running.done() and not again.is_set() and time.monotonic() < end:
        if watching is not None and watching.done() and not worker.has_successor:
            _log.warning("Draining: the API is away; runs go on, and report when it is back")
            worker.has_successor = True
            end = min(end, time.monotonic() + _LAST_CALLS)
        await asyncio.sleep(_LOOK_EVERY)
    if watching is not None:
        watching.cancel()
    left = len(worker._submitting_flow_run_ids | worker._started)
    if worker.at_work:
        _log.warning("Stopped with %d runs that have not ended", left)
    elif left:
        _log.info("Stopped; %d runs go on without it", left)


async def _api_goes_away() -> None:
    """Return when the API has not answered twice in a row."""
    missed = 0
    while missed < 2:
        try:
            async with asyncio.timeout(_API_PATIENCE), _plain_client() as client:
                # Prefect Cloud and a proxy may refuse this path; an answer it is all the same.
                missed = missed + 1 if (await client.get("/health")).is_server_error else 0
        except (httpx.HTTPError, TimeoutError):
            missed += 1
        await asyncio.sleep(1)


def _plain_client() -> httpx.AsyncClient:
    """As Prefect's client reaches the API, without its retries: whether it answers now is the question."""
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


def _name(pool: str, kind: type[Draining]) -> str:
    if issubclass(kind, _InContainers):
        from airnub_prefect.run_containers import compose_number

        if (number := compose_number()) is not None:
            return f"{pool}-{number}"
    return f"{pool} on {socket.gethostname()}"


async def _kind(pool: str) -> type[Draining]:
    async with get_client() as client:
        try:
            found = await client.read_work_pool(pool)
        except ObjectNotFound as error:
            raise ConfigurationError.of(
                f"work pool {pool}", "expected it on the server, found none; make it with `uv run airnub apply`"
            ) from error
    kind = BaseWorker.get_worker_class_from_type(found.type)
    if kind is None:
        types = ", ".join(sorted(BaseWorker.get_all_available_worker_types()))
        raise ConfigurationError.of(
            f"work pool {pool}", f"expected a type that a worker is installed for ({types}), found {found.type!r}"
        )
    added = _InContainers if kind.type == "docker" else Draining
    with warnings.catch_warnings():
        # The new class takes the place of the one that it is made from, in this process.
        warnings.simplefilter("ignore")
        made: type[Draining] = type(f"Draining{kind.__name__}", (added, kind), {"type": kind.type, "pool_id": found.id})
    return made


@click.command(epilog="Example: python -m airnub_prefect.worker --pool project-alpha")
@click.option("--pool", required=True, metavar="NAME")
@click.option("--name", metavar="NAME", help="Of the worker. Default: POOL-NUMBER in Compose, else POOL on HOST.")
@click.option("--queue", "queues", multiple=True, metavar="NAME", help="Only this one; may be given again.")
@click.option("--limit", type=click.IntRange(min=1), envvar="AIRNUB_WORKER_LIMIT", help="Runs at a time.")
@click.option(
    "--drain-seconds", default=300.0, show_default=True, envvar="AIRNUB_DRAIN_SECONDS",
    help="How long runs may take to end on SIGTERM.",
)  # fmt: skip
@click.option(
    "--disk", "disks", multiple=True, type=click.Path(path_type=Path), default=["/"], show_default=True, metavar="PATH",
    help="Path whose file system is measured; may be given again.",
)  # fmt: skip
@click.option(
    "--metrics-port", type=click.IntRange(0, 65535), envvar="AIRNUB_METRICS_PORT",
    help="Port of the metrics for Prometheus; without one there are none.",
)  # fmt: skip
@click.option(
    "--metrics-host", default="127.0.0.1", show_default=True, envvar="AIRNUB_METRICS_HOST", help="Its address."
)
def main(
    pool: str, name: str | None, queues: tuple[str, ...], limit: int | None, drain_seconds: float,
    disks: tuple[Path, ...], metrics_port: int | None, metrics_host: str,
) -> None:  # fmt: skip
    """Run a worker; SIGTERM and Ctrl-C let it drain, SIGUSR1 announces its successor."""
    try:
        with metrics_served(metrics_host, metrics_port) as port:
            if port is not None:
                _log.info("Metrics are at http://%s:%d/metrics", metrics_host, port)
            leaves = asyncio.run(
                work(pool, name=name, queues=queues, limit=limit, drain_seconds=drain_seconds, disks=disks)
            )
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    if leaves:
        # Threads wait for containers that go on, and Python would wait for these threads.
        EventsWorker.drain_all(timeout=_LAST_CALLS)
        logging.shutdown()
        os._exit(0)


if __name__ == "__main__":
    main()

"""A worker that drains before it stops: told to, it takes no new run, waits for its own, and only then ends.

    python -m airnub_prefect.worker --pool project-alpha --drain-seconds 300

`prefect worker start` ends at once: runs of a process pool are killed and stay Running for ever, containers of a Docker
pool go on with nobody who would notice their end. Pausing the pool first would stop every other worker of it too, and
would stay where the worker is killed meanwhile; so what is paused here is this worker alone, and nothing on the server.
A second signal ends it at once.
"""

import asyncio
import contextlib
import logging
import signal
import socket
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.workers.base import BaseWorker

from airnub_prefect.errors import ConfigurationError
from airnub_prefect.worker_metrics import DiskWatch, log_failure, watch
from airnub_prefect.worker_metrics import served as metrics_served

_log = logging.getLogger("prefect.airnub.worker")
_LOOK_EVERY = 0.2


class Draining(BaseWorker[Any, Any, Any]):
    """What is added to a worker of any type."""

    type = "draining"

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.draining = False
        self._started: set[UUID] = set()

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Poll, unless it is draining."""
        return [] if self.draining else await super().get_and_submit_flow_runs()

    async def _submit_run_and_capture_errors(self, flow_run: FlowRun, *arguments: Any, **named: Any) -> Any:
        self._started.add(flow_run.id)
        try:
            return await super()._submit_run_and_capture_errors(flow_run, *arguments, **named)
        finally:
            self._started.discard(flow_run.id)

    @property
    def at_work(self) -> int:
        """How many runs it has taken that have not ended."""
        return len(self._submitting_flow_run_ids | self._started)


async def work(
    pool: str, *, queues: Sequence[str], limit: int | None, drain_seconds: float, disks: Sequence[Path] = ()
) -> None:
    """Run a worker of a pool until SIGTERM or SIGINT, and let it drain.

    Args:
        pool: its name; its type says what kind of worker is run.
        queues: those of it that are polled; all when empty.
        limit: how many runs at a time.
        drain_seconds: how long its runs may take to end; what runs longer goes on without it in a Docker pool.
        disks: paths whose file systems are measured.

    Raises:
        ConfigurationError: there is no such pool, or no worker of its type is installed.
    """
    kind = await _kind(pool)
    worker = kind(
        work_pool_name=pool, work_queues=list(queues), limit=limit, create_pool_if_not_found=False,
        name=f"{pool} on {socket.gethostname()}",
    )  # fmt: skip
    told, again = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, lambda: (again if told.is_set() else told).set())
    running = asyncio.create_task(worker.start(with_healthcheck=True, printer=_log.info))
    watching = asyncio.create_task(watch(worker, pool, DiskWatch(disks)))
    watching.add_done_callback(log_failure)
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        worker.draining = True
        await _drained(worker, running, again, drain_seconds)
    waiting.cancel()
    watching.cancel()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def _drained(worker: Draining, running: asyncio.Task[None], again: asyncio.Event, seconds: float) -> None:
    if worker.at_work:
        _log.info("Draining: no new runs are taken; up to %.0f s for %d to end", seconds, worker.at_work)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while worker.at_work and not running.done() and not again.is_set():  # noqa: ASYNC110  # Prefect tells nobody
                await asyncio.sleep(_LOOK_EVERY)
    if worker.at_work:
        _log.warning("Stopped with %d runs that have not ended", worker.at_work)


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
    with warnings.catch_warnings():
        # The new class takes the place of the one that it is made from, in this process.
        warnings.simplefilter("ignore")
        made: type[Draining] = type(f"Draining{kind.__name__}", (Draining, kind), {"type": kind.type})
    return made


@click.command(epilog="Example: python -m airnub_prefect.worker --pool project-alpha")
@click.option("--pool", required=True, metavar="NAME")
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
    pool: str, queues: tuple[str, ...], limit: int | None, drain_seconds: float, disks: tuple[Path, ...],
    metrics_port: int | None, metrics_host: str,
) -> None:  # fmt: skip
    """Run a worker; SIGTERM and Ctrl-C let it drain."""
    try:
        with metrics_served(metrics_host, metrics_port) as port:
            if port is not None:
                _log.info("Metrics are at http://%s:%d/metrics", metrics_host, port)
            asyncio.run(work(pool, queues=queues, limit=limit, drain_seconds=drain_seconds, disks=disks))
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()

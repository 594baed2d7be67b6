"""The worker process: on SIGTERM it takes no new run, waits for its own runs, and then exits.

    python -m airnub_prefect.worker --pool project-alpha --drain-seconds 300

`prefect worker start` exits at once: runs of a process pool are killed and stay Running for ever, and a run that is
being submitted is left without a container. Pausing the pool first would stop every other worker of it too, and the
pause would remain if the worker is killed meanwhile. So only this worker stops polling; nothing changes on the server.

Runs in containers continue without their worker. So it does not wait for them when the API is unreachable: they cannot
end before the API is back, and the server may be waiting for the worker, since Compose starts none of the services that
it recreates before it has stopped all of them. SIGUSR1 announces a successor: the worker then waits for the runs that
it is submitting, and not for running ones. A second SIGTERM ends it at once.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import click
import httpx
from prefect.client.orchestration import get_client
from prefect.events.worker import EventsWorker
from prefect.exceptions import ObjectNotFound
from prefect.workers.base import BaseWorker

from airnub_prefect.errors import ConfigurationError
from airnub_prefect.graceful_worker import (
    FLUSH_TIMEOUT,
    GracefulDockerWorker,
    GracefulWorker,
    wait_until_api_unreachable,
)
from airnub_prefect.worker_metrics import DiskWatch, log_failure, metrics_server, update_metrics

_log = logging.getLogger("prefect.airnub.worker")
_POLL_SECONDS = 0.2


async def run_worker(
    pool: str, *, name: str | None, queues: Sequence[str], limit: int | None, drain_seconds: float,
    disks: Sequence[Path] = (),
) -> bool:  # fmt: skip
    """Run a worker of a pool until SIGTERM or SIGINT, and let it drain.

    Args:
        pool: name of the work pool; its type decides the class of the worker.
        name: name of the worker; by default the pool and its number in Compose, else the pool and the host name.
        queues: work queues that it polls; all when empty.
        limit: maximum of concurrent runs.
        drain_seconds: how long its runs may take to end; runs of a Docker pool continue without it after that.
        disks: paths whose file systems are measured.

    Returns:
        Whether runs continue without it.

    Raises:
        ConfigurationError: there is no such pool, or no worker of its type is installed.
    """
    kind = await _worker_class(pool)
    worker = kind(
        work_pool_name=pool, work_queues=list(queues), limit=limit, create_pool_if_not_found=False,
        name=name or _default_name(pool, kind),
    )  # fmt: skip
    stopping, again = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: (again if stopping.is_set() else stopping).set())
    loop.add_signal_handler(signal.SIGUSR1, lambda: setattr(worker, "has_successor", True))
    running = asyncio.create_task(worker.start(with_healthcheck=True, printer=_log.info))
    monitoring = asyncio.create_task(update_metrics(worker, pool, DiskWatch(disks)))
    monitoring.add_done_callback(log_failure)
    reconciling = asyncio.create_task(worker.reconcile_until_cancelled())
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        worker.draining = True
        await _drain(worker, running, again, drain_seconds)
    runs_continue = bool(worker._started)
    for task in (waiting, monitoring, reconciling, running):
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    try:
        await worker.deregister()
    except (TimeoutError, httpx.HTTPError) as error:
        _log.info("The server lists this worker until its heartbeats are missed: %r", error)
    return runs_continue


async def _drain(worker: GracefulWorker, running: asyncio.Task[None], again: asyncio.Event, seconds: float) -> None:
    if worker.active_runs:
        _log.info("Draining: no new runs are taken; up to %.0f s for %d to end", seconds, worker.active_runs)
    end = time.monotonic() + seconds
    unreachable = asyncio.create_task(wait_until_api_unreachable()) if worker.runs_outlive_worker else None
    while worker.active_runs and not running.done() and not again.is_set() and time.monotonic() < end:
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


def _default_name(pool: str, kind: type[GracefulWorker]) -> str:
    if issubclass(kind, GracefulDockerWorker):
        from airnub_prefect.docker_containers import compose_replica

        if (number := compose_replica()) is not None:
            return f"{pool}-{number}"
    return f"{pool} on {socket.gethostname()}"


async def _worker_class(pool: str) -> type[GracefulWorker]:
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
    mixin = GracefulDockerWorker if kind.type == "docker" else GracefulWorker
    with warnings.catch_warnings():
        # Prefect warns that the new class replaces its base in the registry of worker types, which is the purpose.
        warnings.simplefilter("ignore")
        made: type[GracefulWorker] = type(
            f"Graceful{kind.__name__}", (mixin, kind), {"type": kind.type, "pool_id": found.id}
        )
    return made


@click.command(epilog="Example: python -m airnub_prefect.worker --pool project-alpha")
@click.option("--pool", required=True, metavar="NAME", help="Work pool to poll.")
@click.option("--name", metavar="NAME", help="Name of the worker. Default: POOL-NUMBER in Compose, else POOL on HOST.")
@click.option("--queue", "queues", multiple=True, metavar="NAME", help="Poll only this work queue. Repeatable.")
@click.option(
    "--limit", type=click.IntRange(min=1), envvar="AIRNUB_WORKER_LIMIT", help="Maximum number of concurrent runs."
)
@click.option(
    "--drain-seconds", default=300.0, show_default=True, envvar="AIRNUB_DRAIN_SECONDS",
    help="Seconds to wait for runs after SIGTERM.",
)  # fmt: skip
@click.option(
    "--disk", "disks", multiple=True, type=click.Path(path_type=Path), default=["/"], show_default=True, metavar="PATH",
    help="Path whose file system is measured. Repeatable.",
)  # fmt: skip
@click.option(
    "--metrics-port", type=click.IntRange(0, 65535), envvar="AIRNUB_METRICS_PORT",
    help="Port to serve Prometheus metrics on. Default: no metrics.",
)  # fmt: skip
@click.option(
    "--metrics-host", default="127.0.0.1", show_default=True, envvar="AIRNUB_METRICS_HOST",
    help="Address to serve Prometheus metrics on.",
)  # fmt: skip
def main(
    pool: str, name: str | None, queues: tuple[str, ...], limit: int | None, drain_seconds: float,
    disks: tuple[Path, ...], metrics_port: int | None, metrics_host: str,
) -> None:  # fmt: skip
    """Run a worker. SIGTERM and Ctrl-C let it drain; SIGUSR1 announces its successor."""
    try:
        with metrics_server(metrics_host, metrics_port) as port:
            if port is not None:
                _log.info("Metrics are at http://%s:%d/metrics", metrics_host, port)
            runs_continue = asyncio.run(
                run_worker(pool, name=name, queues=queues, limit=limit, drain_seconds=drain_seconds, disks=disks)
            )
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    if runs_continue:
        # Threads of Prefect's worker wait for running containers, and Python would wait for these threads.
        EventsWorker.drain_all(timeout=FLUSH_TIMEOUT)
        logging.shutdown()
        os._exit(0)


if __name__ == "__main__":
    main()

"""The worker process: `python -m airnub_prefect.worker --pool project-alpha`. Its class is that of the pool's type."""

import asyncio
import contextlib
import logging
import os
import socket
import warnings
from collections.abc import Sequence
from pathlib import Path

import click
import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import WorkPool
from prefect.events.worker import EventsWorker
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.workers.base import BaseWorker

from airnub_prefect.errors import ConfigurationError
from airnub_prefect.worker.drain import FLUSH_TIMEOUT, GracefulWorker, StopSignals, drain
from airnub_prefect.worker.metrics import DiskWatch, log_failure, metrics_server, update_metrics

_log = logging.getLogger("prefect.airnub.worker")


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
        ConfigurationError: there is no such pool, or it was removed meanwhile, or no worker of its type is installed.
    """
    kind = await _worker_class(pool)
    worker = kind(
        work_pool_name=pool, work_queues=list(queues), limit=limit, create_pool_if_not_found=False,
        name=name or _default_name(pool, kind),
    )  # fmt: skip
    signals = StopSignals(worker)
    running = asyncio.create_task(worker.start(with_healthcheck=True, printer=_log.info))
    monitoring = asyncio.create_task(update_metrics(worker, pool, DiskWatch(disks)))
    monitoring.add_done_callback(log_failure)
    reconciling = asyncio.create_task(worker.reconcile_until_cancelled())
    waiting = asyncio.create_task(signals.received.wait())
    await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        await drain(worker, running, signals, drain_seconds)
    runs_continue = bool(worker._started)
    for task in (waiting, monitoring, reconciling, running):
        task.cancel()
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await running
    except (ExceptionGroup, PrefectHTTPStatusError):
        # If the pool was removed, this error says so, without a traceback; if the server is gone, the first error does.
        with contextlib.suppress(httpx.HTTPError):
            await _read_pool(pool)
        raise
    try:
        await worker.deregister()
    except (TimeoutError, httpx.HTTPError) as error:
        _log.info("The server lists this worker until its heartbeats are missed: %r", error)
    return runs_continue


def _default_name(pool: str, kind: type[GracefulWorker]) -> str:
    if kind.type == "docker":
        from airnub_prefect.worker.docker_containers import compose_replica

        if (number := compose_replica()) is not None:
            return f"{pool}-{number}"
    return f"{pool} on {socket.gethostname()}"


async def _read_pool(pool: str) -> WorkPool:
    async with get_client() as client:
        try:
            return await client.read_work_pool(pool)
        except ObjectNotFound as error:
            advice = "make it with `uv run airnub apply`, unless its department was removed"
            raise ConfigurationError.of(
                f"work pool {pool}", f"expected it on the server, found none; {advice}"
            ) from error


async def _worker_class(pool: str) -> type[GracefulWorker]:
    found = await _read_pool(pool)
    kind = BaseWorker.get_worker_class_from_type(found.type)
    if kind is None:
        types = ", ".join(sorted(BaseWorker.get_all_available_worker_types()))
        raise ConfigurationError.of(
            f"work pool {pool}", f"expected a type that a worker is installed for ({types}), found {found.type!r}"
        )
    mixin = GracefulWorker
    if kind.type == "docker":
        from airnub_prefect.worker.docker_worker import GracefulDockerWorker

        mixin = GracefulDockerWorker
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

"""Prometheus metrics and disk checks of a worker, which Prefect's own workers lack.

| metric | content |
|---|---|
| `airnub_worker_runs` | runs that this worker has taken and that have not ended |
| `airnub_worker_draining` | 1 while it drains |
| `airnub_worker_last_poll_timestamp_seconds` | when it last asked the server for runs |
| `airnub_pool_late_runs` | late runs of its pool, as the server counts them |
| `airnub_pool_late_runs_timestamp_seconds` | when they were counted |
| `airnub_disk_used_ratio`, `airnub_disk_free_bytes` | the file system of a path |

Beside them is what `prometheus_client` and Prefect's client count in every process (`process_…`, `prefect_…`).
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.exceptions import PrefectHTTPStatusError
from prometheus_client import Gauge, start_http_server

from airnub_prefect.disk import LIMIT, machine_name, measure, report
from airnub_prefect.errors import ConfigurationError

INTERVAL = 60.0
"""Seconds between two measurements."""
REPORTED_EVERY = 3600.0
"""Seconds between two events about the same full disk."""

RUNS = Gauge("airnub_worker_runs", "Runs that this worker has taken and that have not ended.", ["pool"])
DRAINING = Gauge("airnub_worker_draining", "1 while this worker takes no new run and waits for its own.", ["pool"])
POLLED = Gauge("airnub_worker_last_poll_timestamp_seconds", "When this worker last polled for runs.", ["pool"])
LATE = Gauge("airnub_pool_late_runs", "Late runs of the pool, as the server counts them.", ["pool"])
LATE_AT = Gauge("airnub_pool_late_runs_timestamp_seconds", "When the late runs were counted.", ["pool"])
DISK_USED = Gauge("airnub_disk_used_ratio", "Used share of a file system, 0 to 1.", ["machine", "path"])
DISK_FREE = Gauge("airnub_disk_free_bytes", "Free bytes of a file system.", ["machine", "path"])

_log = logging.getLogger("prefect.airnub.worker")


class MonitoredWorker(Protocol):
    """A worker with the values that the metrics need."""

    draining: bool
    _last_polled_time: Any

    @property
    def active_runs(self) -> int:
        """Number of runs that it has taken and that have not ended."""


class DiskWatch:
    """Watches file systems: metrics at each measurement, and an event at most once an hour while one is too full."""

    def __init__(self, paths: Sequence[Path], limit: float = LIMIT) -> None:
        self._paths = paths
        self._limit = limit
        self._reported: dict[Path, float] = {}

    def measure(self, now: float) -> None:
        """Measure all file systems; `now` is the time of a monotonic clock in seconds.

        Raises:
            OSError: a path does not exist, or cannot be read.
        """
        for path in self._paths:
            use = measure(path)
            DISK_USED.labels(machine_name(), use.path).set(use.share)
            DISK_FREE.labels(machine_name(), use.path).set(use.free)
            if use.share <= self._limit:
                self._reported.pop(path, None)
            elif now - self._reported.get(path, -REPORTED_EVERY) >= REPORTED_EVERY:
                self._reported[path] = now
                report(use)


@contextlib.contextmanager
def metrics_server(host: str, port: int | None) -> Iterator[int | None]:
    """Serve `GET /metrics` while the block runs; yields the port, `None` without a server if `port` is `None`.

    Raises:
        ConfigurationError: the port is taken, or the address is not one of this machine.
    """
    if port is None:
        yield None
        return
    try:
        server, thread = start_http_server(port, host)
    except OSError as error:
        message = (
            f"expected a free port for metrics at {host}, found {port}: {error.strerror}; choose a different one with "
            "--metrics-port"
        )
        raise ConfigurationError.of("AIRNUB_METRICS_PORT", message) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def update_metrics(worker: MonitoredWorker, pool: str, disks: DiskWatch, every: float = INTERVAL) -> None:
    """Keep the metrics of a worker current until cancelled.

    An unreachable server and a disk that cannot be measured are logged as warnings.

    Args:
        worker: the worker.
        pool: name of its work pool.
        disks: file systems to measure.
        every: seconds between two measurements.
    """
    RUNS.labels(pool).set_function(lambda: worker.active_runs)
    DRAINING.labels(pool).set_function(lambda: worker.draining)
    POLLED.labels(pool).set_function(lambda: worker._last_polled_time.timestamp())
    while True:
        try:
            disks.measure(time.monotonic())
        except OSError as error:
            _log.warning("A disk cannot be measured: %s", error)
        try:
            LATE.labels(pool).set(await late_runs(pool))
            LATE_AT.labels(pool).set_to_current_time()
        # A proxy may answer with invalid JSON.
        except (httpx.HTTPError, PrefectHTTPStatusError, ValueError) as error:
            _log.warning("Late runs of %s cannot be counted: %s", pool, error)
        await asyncio.sleep(every)


def log_failure(watching: asyncio.Task[None]) -> None:
    """Log an error that ended the updates: metrics and alerts are missing from then on, and runs continue."""
    if not watching.cancelled() and (error := watching.exception()) is not None:
        _log.error("Metrics and disk usage are no longer updated; restart this worker", exc_info=error)


async def late_runs(pool: str) -> int:
    """The number of late runs of a pool."""
    async with get_client() as client:
        return await client.count_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Late"]))),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
        )

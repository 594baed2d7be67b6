"""Metrics of a worker, and the disk usage that it measures."""

import asyncio
import contextlib
import socket
import urllib.request
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from airnub_prefect.errors import ConfigurationError


class Worker:
    """A worker with the values that the metrics need."""

    draining = True
    active_runs = 3
    _last_polled_time = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def sent(monkeypatch):
    """Disks that were reported."""
    from airnub_prefect.worker import metrics

    found = []
    monkeypatch.setattr(metrics, "report", found.append)
    return found


def value(name, **labels):
    """Of a metric, as Prometheus reads it."""
    return REGISTRY.get_sample_value(name, labels)


def test_a_full_disk_is_reported_once_an_hour(tmp_path, sent):
    """It is measured each minute, and reported once an hour."""
    from airnub_prefect.worker.metrics import REPORTED_EVERY, DiskWatch

    disks = DiskWatch([tmp_path], limit=-1)
    for now in (5.0, 65.0, 4.0 + REPORTED_EVERY):
        disks.measure(now)
    assert len(sent) == 1
    disks.measure(5.0 + REPORTED_EVERY)
    assert [use.path for use in sent] == [str(tmp_path)] * 2
    assert value("airnub_disk_used_ratio", machine=socket.gethostname(), path=str(tmp_path)) == sent[-1].share
    assert value("airnub_disk_free_bytes", machine=socket.gethostname(), path=str(tmp_path)) == sent[-1].free


def test_a_disk_with_space_is_not_reported(tmp_path, sent):
    """Its metrics are there all the same."""
    from airnub_prefect.worker.metrics import DiskWatch

    DiskWatch([tmp_path], limit=1).measure(0.0)
    assert sent == []
    assert 0 < value("airnub_disk_used_ratio", machine=socket.gethostname(), path=str(tmp_path)) <= 1


def test_metrics_are_served_meanwhile():
    """Afterwards the port is free again."""
    from airnub_prefect.worker.metrics import metrics_server

    with metrics_server("127.0.0.1", 0) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            text = answer.read().decode()
        assert "# TYPE airnub_worker_runs gauge" in text
        with (
            pytest.raises(ConfigurationError, match=rf"AIRNUB_METRICS_PORT.*found {port}"),
            metrics_server("127.0.0.1", port),
        ):
            pass
    with metrics_server("127.0.0.1", port):
        pass
    with metrics_server("127.0.0.1", None) as none:
        assert none is None


def test_failed_updates_are_logged(caplog):
    """Without the log line, missing alerts would go unnoticed; a cancelled task does not count as a failure."""
    from airnub_prefect.worker.metrics import log_failure

    async def fail():
        raise RuntimeError("no client")

    async def end():
        failing, waiting = asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(60))
        for task in (failing, waiting):
            task.add_done_callback(log_failure)
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({failing, waiting})

    asyncio.run(end())
    [said] = [one for one in caplog.records if one.name == "prefect.airnub.worker"]
    assert "no longer updated" in said.message
    assert "no client" in str(said.exc_info[1])


def test_late_runs_and_the_state_of_the_worker(prefect_here, tmp_path, caplog):
    """Late runs are those of its own pool; a disk that is not there is a warning, and the rest goes on."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.types._datetime import now

    from airnub_prefect.worker.metrics import DiskWatch, update_metrics

    pool, other = (f"watched-{uuid4().hex[:8]}" for _ in range(2))
    with get_client(sync_client=True) as client:
        flow = client.create_flow_from_name(pool)
        for name, runs in ((pool, 2), (other, 1)):
            client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template={}))
            deployment = client.create_deployment(flow, name, work_pool_name=name, entrypoint="x.y")
            for _ in range(runs):
                run = client.create_flow_run_from_deployment(deployment)
                late = {"type": "SCHEDULED", "name": "Late", "state_details": {"scheduled_time": str(now("UTC"))}}
                client.request("POST", f"/flow_runs/{run.id}/set_state", json={"state": late, "force": True})

    async def look():
        task = asyncio.create_task(update_metrics(Worker(), pool, DiskWatch([tmp_path / "gone"])))
        while value("airnub_pool_late_runs_timestamp_seconds", pool=pool) is None and not task.done():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(look())
    assert value("airnub_pool_late_runs", pool=pool) == 2
    assert value("airnub_worker_runs", pool=pool) == 3
    assert value("airnub_worker_draining", pool=pool) == 1
    assert value("airnub_worker_last_poll_timestamp_seconds", pool=pool) == Worker._last_polled_time.timestamp()
    assert "A disk cannot be measured" in caplog.text

"""A worker that drains before it stops, with a pool of processes: those die with a worker that does not wait.

What runs in containers is tested with an engine, in tests/docker.
"""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from uuid import uuid4

import click
import pytest

from airnub_prefect.worker.__main__ import main

SLOW = """
import pathlib, time
from prefect import flow

@flow(name="slow-{name}")
async def slow(seconds: float):
    pathlib.Path("{folder}/started").touch()
    time.sleep(seconds)
    pathlib.Path("{folder}/ended").touch()
"""
PATIENCE = 90


@pytest.fixture
def pool(client):
    """A pool of processes; its name."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectNotFound
    from prefect.workers.process import ProcessWorker

    name = f"draining-{uuid4().hex[:8]}"
    template = ProcessWorker.get_default_base_job_template()
    client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template=template))
    yield name
    with suppress(ObjectNotFound):  # one test removes it
        client.delete_work_pool(name)


@pytest.fixture
def start_worker(prefect_here, tmp_path):
    """Start a worker of a pool; its process."""
    started = []

    def start(pool, *arguments):
        with (tmp_path / "worker.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "airnub_prefect.worker", "--pool", pool, *arguments],
                env=os.environ | {
                    "PREFECT_API_URL": prefect_here, "PREFECT_WORKER_QUERY_SECONDS": "0.5",
                    "PREFECT_WORKER_WEBSERVER_PORT": "0", "PYTHONPATH": str(tmp_path),
                    "PREFECT_LOGGING_LEVEL": "INFO", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO",
                },
                cwd=tmp_path, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def slow(client, pool, tmp_path):
    """Let a run be asked for that takes so many seconds; its id."""
    name = uuid4().hex[:8]
    module = tmp_path / f"slow_{name}.py"
    module.write_text(SLOW.format(name=name, folder=tmp_path))

    def ask(seconds):
        flow = client.create_flow_from_name(f"slow-{name}")
        deployment = client.create_deployment(
            flow, name, work_pool_name=pool, entrypoint=f"slow_{name}.slow", pull_steps=[],
            parameter_openapi_schema={"type": "object", "properties": {"seconds": {"type": "number"}}},
        )  # fmt: skip
        return client.create_flow_run_from_deployment(deployment, parameters={"seconds": seconds}).id

    return ask


def wait_for(happened, tmp_path):
    """Return when it has; what the worker said is in the failure."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            pytest.fail((tmp_path / "worker.log").read_text())
        time.sleep(0.1)


@pytest.mark.system
def test_on_sigterm_it_waits_for_its_runs_and_takes_no_other(client, pool, slow, start_worker, tmp_path):
    """The run completes; one that came meanwhile is left for the next worker, and the pool is as it was."""
    first = slow(4)
    worker = start_worker(pool)
    wait_for((tmp_path / "started").exists, tmp_path)
    worker.send_signal(signal.SIGTERM)
    second = slow(0)
    assert worker.wait(PATIENCE) == 0
    assert (tmp_path / "ended").exists()
    assert client.read_flow_run(first).state.is_completed()
    assert client.read_flow_run(second).state.is_scheduled()
    assert client.read_work_pool(pool).is_paused is False


@pytest.mark.system
def test_draining_has_a_timeout(client, pool, slow, start_worker, tmp_path):
    """Runs that have not ended are logged by number."""
    slow(300)
    worker = start_worker(pool, "--drain-seconds", "1")
    wait_for((tmp_path / "started").exists, tmp_path)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE) == 0
    assert "Stopped with 1 runs that have not ended" in (tmp_path / "worker.log").read_text()
    assert not (tmp_path / "ended").exists()


@pytest.mark.system
def test_an_idle_worker_ends_at_once(pool, start_worker, tmp_path):
    """On Ctrl-C and on SIGTERM."""
    worker = start_worker(pool)
    wait_for(lambda: "started!" in (tmp_path / "worker.log").read_text(), tmp_path)
    worker.send_signal(signal.SIGINT)
    assert worker.wait(PATIENCE) == 0


@pytest.mark.system
def test_no_such_pool(start_worker, tmp_path):
    """The error names it, and the command that makes it; nothing is made by itself."""
    assert start_worker("missing-pool").wait(PATIENCE) == 1
    said = " ".join((tmp_path / "worker.log").read_text().split())
    assert "work pool missing-pool: expected it on the server, found none" in said
    assert "airnub apply" in said


@pytest.mark.system
def test_a_pool_that_is_removed_meanwhile(client, pool, start_worker, tmp_path, monkeypatch):
    """`airnub remove department` removes it: the worker ends with a line, and no traceback."""
    monkeypatch.setenv("PREFECT_WORKER_HEARTBEAT_SECONDS", "1")
    worker = start_worker(pool)
    wait_for(lambda: "started!" in (tmp_path / "worker.log").read_text(), tmp_path)
    client.delete_work_pool(pool)
    assert worker.wait(PATIENCE) == 1
    said = " ".join((tmp_path / "worker.log").read_text().split())
    assert f"work pool {pool}: expected it on the server, found none" in said
    assert "Traceback" not in said


def test_metrics_for_prometheus(pool, start_worker, tmp_path):
    """On the port that it logs: its pool, its runs, late ones, and the disk of each path."""
    worker = start_worker(pool, "--metrics-port", "0", "--disk", str(tmp_path))

    def answered():
        found = re.search(r"Metrics are at (\S+)", (tmp_path / "worker.log").read_text())
        if found is None:
            return False
        with urllib.request.urlopen(found[1]) as answer:
            text = answer.read().decode()
        wanted = [f'airnub_pool_late_runs{{pool="{pool}"}} 0.0', f'airnub_worker_runs{{pool="{pool}"}} 0.0']
        return all(one in text for one in wanted) and f'path="{tmp_path}"' in text

    wait_for(answered, tmp_path)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE) == 0


@pytest.mark.parametrize(("value", "limit"), [("3", 3), ("", None)])
def test_the_limit_of_a_machine(monkeypatch, value, limit):
    """Compose sets it by a variable; an empty value means unlimited."""
    monkeypatch.setenv("AIRNUB_WORKER_LIMIT", value)
    assert main.make_context("worker", ["--pool", "x"]).params["limit"] == limit


def test_a_limit_of_0_is_invalid(monkeypatch):
    """The error has the valid range."""
    monkeypatch.setenv("AIRNUB_WORKER_LIMIT", "0")
    with pytest.raises(click.BadParameter, match="0 is not in the range x>=1"):
        main.make_context("worker", ["--pool", "x"])

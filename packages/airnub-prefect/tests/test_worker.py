"""A worker that drains before it stops, with a pool of processes: those die with a worker that does not wait.

What runs in containers is tested with an engine, in tests/docker.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import click
import httpx
import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL, temporary_settings

from airnub_prefect.worker import main

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
def client(prefect_here):
    """Of the server of the tests."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as found:
        yield found


@pytest.fixture
def pool(client):
    """A pool of processes; its name."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.workers.process import ProcessWorker

    name = f"draining-{uuid4().hex[:8]}"
    template = ProcessWorker.get_default_base_job_template()
    client.create_work_pool(WorkPoolCreate(name=name, type="process", base_job_template=template))
    yield name
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
def test_the_time_for_it_has_an_end(client, pool, slow, start_worker, tmp_path):
    """What runs longer is told, by number."""
    slow(300)
    worker = start_worker(pool, "--drain-seconds", "1")
    wait_for((tmp_path / "started").exists, tmp_path)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(PATIENCE) == 0
    assert "Stopped with 1 runs that have not ended" in (tmp_path / "worker.log").read_text()
    assert not (tmp_path / "ended").exists()


@pytest.mark.system
def test_an_idle_one_ends_at_once(pool, start_worker, tmp_path):
    """On Ctrl-C as on SIGTERM."""
    worker = start_worker(pool)
    wait_for(lambda: "started!" in (tmp_path / "worker.log").read_text(), tmp_path)
    worker.send_signal(signal.SIGINT)
    assert worker.wait(PATIENCE) == 0


@pytest.mark.system
def test_no_such_pool(start_worker, tmp_path):
    """The error names it, and the command that makes it; nothing is made by itself."""
    assert start_worker("nobody-made-it").wait(PATIENCE) == 1
    said = " ".join((tmp_path / "worker.log").read_text().split())
    assert "work pool nobody-made-it: expected it on the server, found none" in said
    assert "airnub apply" in said


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
    """Compose sets it for every worker by a variable; empty is none."""
    monkeypatch.setenv("AIRNUB_WORKER_LIMIT", value)
    assert main.make_context("worker", ["--pool", "x"]).params["limit"] == limit


def test_a_limit_of_no_runs_is_refused(monkeypatch):
    """With the range that is valid."""
    monkeypatch.setenv("AIRNUB_WORKER_LIMIT", "0")
    with pytest.raises(click.BadParameter, match="0 is not in the range x>=1"):
        main.make_context("worker", ["--pool", "x"])


@pytest.fixture
def idle():
    """A worker that was never started, whose runs go on without it or do not."""
    from prefect.workers.process import ProcessWorker

    from airnub_prefect.worker import Draining

    def make(*, runs_outlive_it):
        name = f"draining-{uuid4().hex[:8]}"
        kind = type(name, (Draining, ProcessWorker), {"type": name, "runs_outlive_it": runs_outlive_it})
        return kind(work_pool_name="nowhere")

    return make


def test_a_draining_worker_is_healthy(idle):
    """It polls no more on purpose, and its health says that it is well."""
    worker = idle(runs_outlive_it=False)
    worker._last_polled_time = datetime.now(UTC) - timedelta(hours=1)
    assert not worker.is_worker_still_polling(query_interval_seconds=2)
    worker.draining = True
    assert asyncio.run(worker.get_and_submit_flow_runs()) == []
    assert worker.is_worker_still_polling(query_interval_seconds=2)


@pytest.mark.parametrize(("runs_outlive_it", "expected"), [(True, 1), (False, 2)])
def test_what_a_worker_with_a_successor_waits_for(idle, runs_outlive_it, expected):
    """For what it submits; for what runs only where that would die with it."""
    worker = idle(runs_outlive_it=runs_outlive_it)
    submitted, running = uuid4(), uuid4()
    worker._submitting_flow_run_ids.add(submitted)
    worker._started |= {submitted, running}
    assert worker.at_work == 2
    worker.has_successor = True
    assert worker.at_work == expected


@pytest.fixture
def api(monkeypatch):
    """Answers with the given statuses, one after the other; what it was asked, and by whom."""
    asked, statuses = [], []

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            asked.append((self.command, self.path, self.headers.get("Authorization")))
            self.send_response(statuses.pop(0))
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_DELETE = answer  # noqa: N815  # names of the standard library

        def log_message(self, *_):
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{server.server_port}/api"}):
            yield asked, statuses
        server.shutdown()
        thread.join()


def test_an_api_that_refuses_is_not_away(api):
    """Prefect Cloud has no such path, and a proxy may ask for a password; away is one that does not answer or fails."""
    from airnub_prefect.worker import _api_goes_away

    asked, statuses = api
    statuses += [404, 502, 401, 502, 502]
    asyncio.run(_api_goes_away())
    assert len(asked) == 5


@pytest.mark.parametrize(
    ("setting", "value", "header"),
    [(PREFECT_API_KEY, "pnu_key", "Bearer pnu_key"), (PREFECT_API_AUTH_STRING, "ops:word", "Basic b3BzOndvcmQ=")],
)
def test_a_worker_signs_off_as_its_client_logs_in(api, idle, setting, value, header):
    """With the key of Prefect Cloud or the password of a server; one that is gone already is no error."""
    asked, statuses = api
    worker = idle(runs_outlive_it=False)
    worker.name = "nowhere on a/b"
    with temporary_settings({setting: value}):
        for status in (204, 404):
            statuses.append(status)
            asyncio.run(worker.sign_off())
        assert asked == [("DELETE", "/api/work_pools/nowhere/workers/nowhere%20on%20a%2Fb", header)] * 2
        statuses.append(403)
        with pytest.raises(httpx.HTTPStatusError, match="403"):
            asyncio.run(worker.sign_off())


def test_a_killed_process_says_so(idle):
    """In place of Prefect's guess at its memory."""
    assert asyncio.run(idle(runs_outlive_it=False).end_of(uuid4(), -9)) == (
        "Its process ended with -9: killed (signal 9)."
    )


@pytest.mark.parametrize(("age", "expected"), [(timedelta(0), "CRASHED"), (timedelta(minutes=3), "PENDING")])
def test_a_run_that_was_started_again_is_left_alone(client, age, expected):
    """Its container that was never started is from an earlier start when it is older than the state Pending."""
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.states import Pending
    from prefect.workers.process import ProcessWorker

    from airnub_prefect.worker import _InContainers

    @flow(name=f"started-again-{uuid4().hex[:8]}")
    def started_again():
        """Is never run."""

    run = client.create_flow_run(started_again, state=Pending())
    name = f"in-containers-{uuid4().hex[:8]}"
    worker = type(name, (_InContainers, ProcessWorker), {"type": name})(work_pool_name="nowhere")

    async def end():
        async with get_client() as worker._client:
            await worker._end_unstarted(run.id, datetime.now(UTC) - age)

    asyncio.run(end())
    assert client.read_flow_run(run.id).state.type.value == expected

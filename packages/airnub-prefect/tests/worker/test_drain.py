"""The drain, and the mixin of all workers, on workers that were never started."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import httpx
import pytest
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_KEY, PREFECT_API_URL, temporary_settings

from airnub_prefect.worker.drain import describe_exit


@pytest.fixture
def idle():
    """A worker that was never started; its runs outlive it or not."""
    from prefect.workers.process import ProcessWorker

    from airnub_prefect.worker.drain import GracefulWorker

    def make(*, runs_outlive_worker):
        name = f"draining-{uuid4().hex[:8]}"
        kind = type(name, (GracefulWorker, ProcessWorker), {"type": name, "runs_outlive_worker": runs_outlive_worker})
        return kind(work_pool_name="nowhere")

    return make


def test_a_draining_worker_is_healthy(idle):
    """It does not poll, and its health check passes."""
    worker = idle(runs_outlive_worker=False)
    worker._last_polled_time = datetime.now(UTC) - timedelta(hours=1)
    assert not worker.is_worker_still_polling(query_interval_seconds=2)
    worker.draining = True
    assert asyncio.run(worker.get_and_submit_flow_runs()) == []
    assert worker.is_worker_still_polling(query_interval_seconds=2)


@pytest.mark.parametrize(("runs_outlive_worker", "expected"), [(True, 1), (False, 2)])
def test_active_runs_of_a_worker_with_a_successor(idle, runs_outlive_worker, expected):
    """It waits for submissions, and for running runs only if they would die with it."""
    worker = idle(runs_outlive_worker=runs_outlive_worker)
    submitted, running = uuid4(), uuid4()
    worker._submitting_flow_run_ids.add(submitted)
    worker._started |= {submitted, running}
    assert worker.active_runs == 2
    worker.has_successor = True
    assert worker.active_runs == expected


@pytest.fixture
def api(monkeypatch):
    """An API that answers with the given statuses in turn; the requests that it received."""
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


def test_an_api_that_answers_404_or_401_is_reachable(api):
    """Prefect Cloud has no such path, and a proxy may require a password; timeouts and 5xx are unreachable."""
    from airnub_prefect.worker.drain import wait_until_api_unreachable

    asked, statuses = api
    statuses += [404, 502, 401, 502, 502]
    asyncio.run(wait_until_api_unreachable())
    assert len(asked) == 5


@pytest.mark.parametrize(
    ("setting", "value", "header"),
    [(PREFECT_API_KEY, "pnu_key", "Bearer pnu_key"), (PREFECT_API_AUTH_STRING, "ops:word", "Basic b3BzOndvcmQ=")],
)
def test_a_worker_deregisters_with_the_credentials_of_the_client(api, idle, setting, value, header):
    """With an API key or a password; a worker that is not registered raises nothing."""
    asked, statuses = api
    worker = idle(runs_outlive_worker=False)
    worker.name = "nowhere on a/b"
    with temporary_settings({setting: value}):
        for status in (204, 404):
            statuses.append(status)
            asyncio.run(worker.deregister())
        assert asked == [("DELETE", "/api/work_pools/nowhere/workers/nowhere%20on%20a%2Fb", header)] * 2
        statuses.append(403)
        with pytest.raises(httpx.HTTPStatusError, match="403"):
            asyncio.run(worker.deregister())


def test_the_exit_message_of_a_killed_process(idle):
    """It replaces Prefect's guess about memory."""
    assert asyncio.run(idle(runs_outlive_worker=False).exit_message(uuid4(), -9)) == (
        "Its process ended with -9: killed (signal 9)."
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (137, "killed (signal 9)"),
        (-9, "killed (signal 9)"),
        (143, "ended by SIGTERM (signal 15)"),
        (-11, "ended by SIGSEGV (signal 11)"),
        (1, "exit status 1"),
        (125, "exit status 125"),
        (255, "exit status 255"),
    ],
)
def test_exit_statuses(status, expected):
    """Statuses of Python and of containers; a kill is never called out of memory."""
    assert describe_exit(status) == expected


def test_out_of_memory():
    """It is named only if the engine reported it, with the signal."""
    assert describe_exit(137, out_of_memory=True).startswith("out of memory")
    assert "signal 9" in describe_exit(137, out_of_memory=True)

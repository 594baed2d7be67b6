"""The process that downloads, talked to as a crew does."""

import pickle
import subprocess
import sys

import pytest

from airnub_core.download.job import Fetched
from airnub_core.download.worker import CLOSE, STOP


@pytest.fixture
def worker(tmp_path, staging_folder):
    """Start one; it is told its settings unless others are given."""
    started = []
    settings = {
        "staging": staging_folder,
        "prefix": "b",
        "hidden": tmp_path / "hidden",
        "connections": 2,
        "memory": 1,
        "user_agent": "tests/1",
    }

    def start(settings=settings):
        command = [sys.executable, "-P", "-c", "from airnub_core.download.worker import main; main()"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, **pipes)
        started.append(process)
        if settings is not None:
            tell(process, settings)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def tell(process, message):
    """One message."""
    pickle.dump(message, process.stdin)
    process.stdin.flush()


def test_jobs_go_in_and_results_come_out(worker, job, server, staging_folder):
    """Packets, and `None` when all that was asked for has come."""
    process = worker()
    tell(process, [job(server.url("told"), 7)])
    [result] = pickle.load(process.stdout)
    assert isinstance(result, Fetched)
    assert [path.name for path in staging_folder.iterdir()] == ["b1"]
    tell(process, CLOSE)
    assert pickle.load(process.stdout) is None
    assert process.wait() == 0


def test_it_is_stopped(worker, job, server):
    """What has not come is given up."""
    process = worker()
    tell(process, [job(server.url("stall"), 1, stall_timeout=60)])
    assert server.busy.reached(1)
    tell(process, STOP)
    assert pickle.load(process.stdout) is None
    assert process.wait() == 0


@pytest.mark.parametrize("last", [b"", b"\x80\x05half a message", b"no message"])
def test_it_ends_with_whoever_started_it(worker, job, server, last):
    """In the middle of whatever it does: nobody is there to have the results."""
    process = worker()
    tell(process, [job(server.url("stall"), 1, stall_timeout=60)])
    assert server.busy.reached(1)
    process.stdin.write(last)
    process.stdin.close()
    process.stdin = None
    assert process.wait(60) == 1


def test_it_ends_when_nobody_reads(worker, job, server):
    """Its results are lost, and what is staged is looked at by the next run."""
    process = worker()
    process.stdout.close()
    process.stdout = None
    tell(process, [job(server.url("told"), 1)])
    assert process.wait(60) == 1


def test_what_goes_wrong_in_it_is_shown(worker, tmp_path):
    """And its exit status says that something did."""
    process = worker({"staging": tmp_path / "none", "prefix": "b"})
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"Traceback" in shown

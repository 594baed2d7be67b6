"""The process that downloads, talked to as a pool does."""

import pickle
import subprocess
import sys
from queue import SimpleQueue

import pytest
from pydantic import ByteSize

from airnub_core.http import workers
from airnub_core.http.downloader import DownloaderConfig
from airnub_core.http.request import Response
from airnub_core.http.workers import CLOSE, STOP, Ended, ProcessWorker
from airnub_core.store.partials import Partials
from airnub_core.store.write_ahead_log import logs_in, read_log


@pytest.fixture
def worker(tmp_path, staging_folder):
    """Start one; it is told its settings unless others are given."""
    started = []
    config = DownloaderConfig(staging_folder, Partials(tmp_path / "hidden"), 2, "tests/1", prefix="b", memory=1)

    def start(**more):
        command = [sys.executable, "-P", "-c", "from airnub_core.http.workers import main; main()"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, **pipes)
        started.append(process)
        tell(process, config._replace(**more))
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def tell(process, message):
    """One message; requests as a pool sends them, without what the index knows."""
    if isinstance(message, list):
        message = [request[:-1] for request in message]
    pickle.dump(message, process.stdin)
    process.stdin.flush()


@pytest.fixture
def started(worker, staging_folder):
    """The same, and it has said that it has started, and where it stages."""

    def start(**more):
        process = worker(**more)
        assert pickle.load(process.stdout) == str(staging_folder / "b")
        return process

    return start


def test_jobs_go_in_and_results_come_out(started, job, server, staging_folder):
    """The results, and `None` when all that was asked for has come."""
    process = started()
    tell(process, [job(server.url("told"), 7)])
    [result] = pickle.load(process.stdout)
    assert result[0] == 7
    assert Response(None, *result[1:]).staged.size == len(b"fine")
    assert [path.relative_to(staging_folder).as_posix() for path in staging_folder.glob("*/*")] == ["b/1"]
    tell(process, CLOSE)
    assert pickle.load(process.stdout) is None
    assert process.wait() == 0


@pytest.mark.parametrize("is_logged", [False, True])
def test_what_is_logged_is_in_the_log_before_it_is_told(started, job, server, staging_folder, is_logged):
    """Where the store takes logs."""
    process = started(is_logged=is_logged)
    tell(process, [job(server.url("told"), 7)])
    [result] = pickle.load(process.stdout)
    assert Response(*result).staged.is_logged == is_logged
    logged = [(one.folder, one.content) for log in logs_in(staging_folder) for one in read_log(log)]
    assert logged == ([("b/1", b"fine")] if is_logged else [])


def test_it_is_stopped(started, job, server):
    """What has not come is given up."""
    process = started()
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


def test_it_ends_when_nobody_reads(started, job, server):
    """Its results are lost, and what is staged is looked at by the next run."""
    process = started()
    process.stdout.close()
    process.stdout = None
    tell(process, [job(server.url("told"), 1)])
    assert process.wait(60) == 1


def test_what_goes_wrong_in_it_is_shown(worker, tmp_path):
    """And its exit status says that something did."""
    process = worker(staging=tmp_path / "none")
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"Traceback" in shown


LIGHT = """
import pickle, sys
before = set(sys.modules)
import airnub_core.http.workers
jobs = pickle.load(sys.stdin.buffer)
print(*(set(sys.modules) - before))
print(jobs)
"""


def test_it_starts_without_what_it_does_not_need(job):
    """Models, event loops and other clients take longer to import than all else; and jobs do not bring them along."""
    jobs = [job("http://h/a", 1, headers={"x": "y"}, max_bytes=ByteSize(1000))]
    process = subprocess.run(
        [sys.executable, "-P", "-c", LIGHT], input=pickle.dumps(jobs), capture_output=True, check=True
    )
    modules, said = process.stdout.decode().splitlines()
    assert said == str(jobs)
    assert "pycurl" in modules.split()
    assert not {"pydantic", "httpx", "asyncio", "sqlite3"} & set(modules.split())


@pytest.mark.parametrize(
    "output", ["b'garbage\\n'", "b'no pickle\\n'", "b'cos\\nno_such_name\\n.'", "__import__('pickle').dumps([(7, 1)])"]
)
def test_output_that_cannot_be_read_is_that_of_a_lost_process(tmp_path, monkeypatch, output):
    """Whatever the reading of it raises: else the pool would wait for its end without end."""
    monkeypatch.setattr(
        workers, "_COMMAND", f"import os, sys; sys.stdin.buffer.read(1); os.write(1, {output}); os._exit(3)"
    )
    sent = SimpleQueue()
    config = DownloaderConfig(tmp_path, Partials(tmp_path / "hidden"), 2, "tests/1", prefix="b", memory=1)
    worker = ProcessWorker(config, sent.put)
    assert sent.get(timeout=20) == Ended(3)
    worker.join()

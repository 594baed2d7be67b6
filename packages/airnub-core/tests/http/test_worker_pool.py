"""Crews: to whoever has one, a thread and two processes are the same."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from answers import kind_of
from misbehaviours import content

from airnub_core.errors import StoreError, WorkerLostError
from airnub_core.http import worker_pool as pool_module
from airnub_core.http.client import Client
from airnub_core.http.downloader import DownloaderConfig
from airnub_core.http.worker_pool import WorkerPool
from airnub_core.store.partials import Partials

MIB = 1024 * 1024


@pytest.fixture
def setting(staging_folder, tmp_path):
    """Of a pool in the test's own folder."""
    return DownloaderConfig(staging_folder, Partials(tmp_path / "hidden"), 4, "tests/1")


@pytest.fixture
def client():
    """Of this process."""
    made = Client("tests/1", 4)
    yield made
    made.close()


def results_of(pool):
    """All that come, by number."""
    return {result.request.number: result for packet in pool.results() for result in packet}


def wait_for(pool):
    """All have started; before, jobs go to those that have."""
    if not all(place.is_ready for place in pool._places):
        next(packet for packet in pool.results() if all(place.is_ready for place in pool._places))


def workers():
    """The processes that download for this one."""
    command = ["pgrep", "-P", str(os.getpid()), "-f", "airnub_core.http.worker"]
    return [int(line) for line in subprocess.run(command, capture_output=True, check=False).stdout.split()]


@pytest.mark.parametrize("members", [1, 2, 3])
def test_any_number_comes_to_the_same(setting, job, server, staging_folder, members, client):
    """The same results, staged in the same place, and nobody is left when the block is."""
    urls = [server.url("whole", size=1000 * number, seed=number) for number in range(1, 12)]
    urls += [server.url("missing"), server.url("whole", size=3_000_000)]
    with WorkerPool(setting, members, client) as pool:
        wait_for(pool)
        assert (len(pool), len(workers())) == (members, members - 1)
        for number, url in enumerate(urls):
            pool.add([job(url, number)])
        pool.close()
        results = results_of(pool)
    assert workers() == []
    assert [kind_of(results[number]) for number in range(13)] == ["staged"] * 11 + ["failed", "staged"]
    sizes = [1000 * number for number in range(1, 12)]
    assert [results[number].staged.size for number in range(11)] == sizes
    staged = results[12].staged
    assert (staging_folder / staged.folder / staged.file_name).read_bytes() == content(3_000_000)
    assert len({result.staged.folder for result in results.values() if result.staged is not None}) == 12


def test_work_goes_to_whoever_has_the_least(setting, job, server, staging_folder, client):
    """Each has its share, under a prefix of its own."""
    with WorkerPool(setting, 2, client) as pool:
        wait_for(pool)
        for number in range(6):
            pool.add([job(server.url("held", until=4, seed=number), number)])
        pool.close()
        assert len(results_of(pool)) == 6
    assert {path.parent.name for path in staging_folder.glob("*/*/")} == {"a", "b"}


def test_nobody_waits_for_who_has_not_started(setting, job, server, client):
    """Jobs go to those that have; a process that is not needed any more is ended before it has begun."""
    with WorkerPool(setting, 2, client) as pool:
        pool.add([job(server.url("whole", size=1), 1)])
        pool.close()
        assert list(results_of(pool)) == [1]
    assert workers() == []


def test_who_has_started_says_so(setting, job, server, client):
    """With an empty packet, and then has no job; one alone has started at once."""
    with WorkerPool(setting, 1, client) as pool:
        assert pool.has_idle
    with WorkerPool(setting._replace(partials=Partials(setting.staging / "hidden")), 2, client) as pool:
        pool.add([job(server.url("held", until=2), 0)])
        assert not pool.has_idle
        packets = pool.results()
        while not pool.has_idle:
            assert next(packets) == []
        pool.add([job(server.url("held", until=2, seed=1), 1)])
        pool.close()
        assert sorted(result.request.number for packet in packets for result in packet) == [0, 1]


def test_who_is_late_has_no_jobs(setting, job, server, staging_folder, client):
    """Until it has started, others have all of them."""
    with WorkerPool(setting, 2, client) as pool:
        for number in range(6):
            pool.add([job(server.url("whole", size=10, seed=number), number)])
        pool.close()
        assert len(results_of(pool)) == 6
    assert {path.parent.name for path in staging_folder.glob("*/*/")} == {"a"}


@pytest.mark.parametrize("members", [1, 2])
def test_the_rest_comes_when_results_are_left_early(setting, job, server, members, client):
    """All that has come until everybody has ended, each once."""
    with WorkerPool(setting, members, client) as pool:
        wait_for(pool)
        for number in range(200):
            pool.add([job(server.url("whole", size=10, seed=number), number)])
        first = next(packet for packet in pool.results() if packet)
        pool.stop()
        numbers = [result.request.number for packet in (first, *pool.rest()) for result in packet]
        assert list(pool.rest()) == []
    assert len(set(numbers)) == len(numbers) >= len(first)
    assert workers() == []


def test_shares_do_not_exceed_the_whole():
    """Connections and memory are divided, and each has one connection at least."""
    setting = DownloaderConfig("staging", "hidden", 5, "me")
    shares = [setting.share(member, 2) for member in range(2)]
    assert [share.connections for share in shares] == [2, 2]
    assert sum(share.memory for share in shares) <= setting.memory
    assert len({share.prefix for share in shares}) == 2
    assert setting._replace(connections=1).share(1, 2).connections == 1


@pytest.mark.parametrize("members", [1, 2])
def test_it_is_stopped(setting, job, server, members, client):
    """The results so far still come, and those that are not there are given up."""
    stopped = False
    with WorkerPool(setting, members, client) as pool:
        wait_for(pool)
        pool.add([job(server.url("told"), 1)])
        for number in range(2, 2 + members):
            pool.add([job(server.url("stall", size=number), number, stall_timeout=60)])
        numbers = []
        for packet in pool.results():
            numbers += [result.request.number for result in packet]
            if numbers and not stopped and server.busy.reached(1):
                pool.stop()
                stopped = True
    assert numbers == [1]


@pytest.mark.parametrize("members", [1, 2])
def test_a_block_that_is_left_early(setting, job, server, members, client):
    """Nobody goes on."""
    with WorkerPool(setting, members, client) as pool:
        pool.add([job(server.url("stall"), 1, stall_timeout=60)])
        assert server.busy.reached(1)
    assert (workers(), client.is_idle) == ([], True)
    client.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("airnub")]


def test_a_stop_that_comes_too_late(setting, client):
    """All have ended: there is nobody to tell, and that is no error."""
    with WorkerPool(setting, 2, client) as pool:
        pool.close()
        assert results_of(pool) == {}
    pool.stop()


@pytest.fixture
def gated(server, job):
    """A job whose URL is answered when the gate is opened."""
    return lambda number: job(server.url("gated", number=number), number, stall_timeout=60)


@pytest.fixture
def gate(server):
    """The path `gated` is answered when it is set: until then all that ask for it wait."""
    opened = threading.Event()
    server.behaviours["gated"] = lambda talk, number, size=100: (
        opened.wait(30),
        talk.answer(body=content(size, number)),
    )
    yield opened
    opened.set()


def poison(talk, number=0):
    """End the process that asks, which is not this one, and answer nothing."""
    for worker in workers():
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    talk.stall()


def kill(how=signal.SIGKILL):
    """End the process that downloads for this one; one that was just started has its name in a moment."""
    while not (there := workers()):
        time.sleep(0.01)
    os.kill(there[0], how)


def whole(results, staging_folder):
    """Whether each result is a file that lies staged with the bytes that the server had for it."""
    return all(
        kind_of(result) == "staged"
        and Path(staging_folder, result.staged.folder, result.staged.file_name).read_bytes() == content(100, number)
        for number, result in results.items()
    )


@pytest.mark.system
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT])
def test_a_process_that_is_killed_in_the_middle(setting, job, gated, server, gate, staging_folder, how, client):
    """Another takes its place, and fetches what it was at: each job has one result, and nothing else stays staged."""
    with WorkerPool(setting, 2, client) as pool:
        wait_for(pool)
        for number in range(12):
            pool.add([gated(number)])
        assert server.busy.reached(4)
        kill(how)
        gate.set()
        pool.close()
        results = [result for packet in pool.results() for result in packet]
        assert pool.losses == 1
    assert sorted(result.request.number for result in results) == list(range(12))
    assert whole({result.request.number: result for result in results}, staging_folder)
    assert len(list(staging_folder.glob("*/*/"))) == 12
    assert workers() == []


def test_what_came_before_a_kill_is_not_fetched_again(setting, job, gated, server, gate, staging_folder, client):
    """Its results are kept, and what they name stays where it is; what was staged without a result goes."""
    with WorkerPool(setting, 2, client) as pool:
        wait_for(pool)
        pool.add([gated(0)])
        pool.add([job(server.url("whole", size=100, seed=number), number) for number in (1, 2, 3)])
        pool.add([gated(number) for number in (4, 5)])
        results = {}
        packets = pool.results()
        while len(results) < 3:
            results |= {result.request.number: result for result in next(packets)}
        leftover = staging_folder / "b" / "1000"
        leftover.mkdir()
        (leftover / "body").write_bytes(b"cut")
        assert server.busy.reached(2)
        kill()
        gate.set()
        pool.close()
        results |= {result.request.number: result for packet in packets for result in packet}
    assert whole(results, staging_folder)
    assert sorted(results) == list(range(6))
    assert not leftover.exists()
    assert [len(server.asked_for(server.url("whole", size=100, seed=number))) for number in (1, 2, 3)] == [1, 1, 1]


def test_a_process_that_is_killed_before_it_has_started(setting, job, server, staging_folder, client):
    """Another is started, for there may be more to do."""
    with WorkerPool(setting, 2, client) as pool:
        kill()
        wait_for(pool)
        assert (pool.losses, len(workers())) == (1, 1)
        for number in range(6):
            pool.add([job(server.url("whole", size=100, seed=number), number)])
        pool.close()
        results = results_of(pool)
    assert sorted(results) == list(range(6))
    assert whole(results, staging_folder)


def test_a_process_that_is_killed_when_all_is_dealt(setting, job, gated, server, gate, staging_folder, client):
    """Its jobs are done by another, which ends then."""
    with WorkerPool(setting, 2, client) as pool:
        wait_for(pool)
        pool.add([job(server.url("whole", size=100, seed=0), 0)])
        pool.add([gated(number) for number in range(1, 9)])
        pool.close()
        assert server.busy.reached(2)
        kill()
        gate.set()
        results = results_of(pool)
    assert sorted(results) == list(range(9))
    assert whole(results, staging_folder)
    assert workers() == []


@pytest.mark.system
def test_processes_that_are_killed_again_and_again(setting, gated, server, gate, staging_folder, client):
    """As long as there are not too many, each job has its file in the end."""
    with WorkerPool(setting, 2, client) as pool:
        wait_for(pool)
        for start in (0, 100):
            pool.add([gated(number) for number in range(start, start + 100)])
        pool.close()
        packets = pool.results()
        for lost in range(3):
            while len(server.asked) < 4 + 2 * lost:
                assert next(packets) == []
            kill()
            while pool.losses == lost:
                assert next(packets) == []
        gate.set()
        results = [result for packet in packets for result in packet]
        assert pool.losses == 3
    assert sorted(result.request.number for result in results) == list(range(200))
    assert whole({result.request.number: result for result in results}, staging_folder)


def test_a_process_that_is_killed_after_a_stop(setting, job, server, client):
    """None takes its place."""
    with WorkerPool(setting, 2, client) as pool:
        wait_for(pool)
        for number in range(2):
            pool.add([job(server.url("stall", size=number), number, stall_timeout=60)])
        assert server.busy.reached(2)
        [worker] = workers()
        os.kill(worker, signal.SIGSTOP)  # it cannot end by itself
        pool.stop()
        os.kill(worker, signal.SIGKILL)
        assert results_of(pool) == {}
        assert pool.losses == 0
    assert workers() == []


@pytest.mark.system
def test_a_job_that_ends_its_process_fails_alone(setting, job, server, staging_folder, client):
    """It is found among many after few processes, which do the others; this process never touches it."""
    url = server.url("poison")
    server.behaviours["poison"] = poison
    with WorkerPool(setting, 2, client) as pool:
        wait_for(pool)
        pool.add([job(server.url("whole", size=100, seed=0), 0)])
        others = [job(server.url("whole", size=100, seed=number), number) for number in range(1, 80)]
        pool.add([*others[:40], job(url, 80, stall_timeout=60), *others[40:]])
        pool.close()
        results = results_of(pool)
        assert pool.losses <= 4
    failed = results.pop(80)
    assert failed.error == WorkerLostError(url, -signal.SIGKILL)
    assert 3 <= failed.error.attempts == len(server.asked_for(url)) <= 4
    assert sorted(results) == list(range(80))
    assert whole(results, staging_folder)
    assert workers() == []


def test_too_many_processes_that_end(setting, job, server, staging_folder, monkeypatch, client):
    """What they were at fails, and this process does the rest alone: it ends."""
    monkeypatch.setattr(pool_module, "MOST_LOSSES", 3)
    server.behaviours["poison"] = poison
    with WorkerPool(setting, 2, client) as pool:
        wait_for(pool)
        pool.add([job(server.url("whole", size=100, seed=0), 0)])
        pool.add([job(server.url("poison", number=number), number, stall_timeout=60) for number in range(1, 100)])
        results = {}
        for packet in pool.results():
            results |= {result.request.number: result for result in packet}
            if len(results) == 100:
                break
        assert pool.losses == 4
        pool.add([job(server.url("whole", size=100, seed=number), number) for number in range(100, 110)])
        pool.close()
        results |= results_of(pool)
    failed = [results.pop(number) for number in range(1, 100)]
    assert all(isinstance(one.error, WorkerLostError) for one in failed)
    assert all(one.error.transient and 1 <= one.error.attempts <= 4 for one in failed)
    assert sorted(results) == [0, *range(100, 110)]
    assert whole(results, staging_folder)
    assert workers() == []


def test_a_large_file_goes_on_where_the_lost_process_was(setting, job, gated, server, gate, staging_folder, client):
    """What has come of it is parked, and the next process asks for the rest."""
    size, etag = 12 * MIB, {"ETag": '"v1"'}
    body = content(size)

    def large(talk):
        if talk.asked.start is None:
            talk.head(200, etag | {"Content-Length": str(size)})
            talk.send(body[: 10 * MIB])
            gate.wait(30)
        else:
            where = {"Content-Range": f"bytes {talk.asked.start}-{size - 1}/{size}"}
            talk.answer(206, etag | where, body[talk.asked.start :])

    server.behaviours["large"] = large
    with WorkerPool(setting, 2, client) as pool:
        wait_for(pool)
        pool.add([gated(0)])
        pool.add([job(server.url("large"), 1, stall_timeout=60)])
        while not list(staging_folder.glob("b/*/partial.json")):
            time.sleep(0.01)
        kill()
        gate.set()
        pool.close()
        results = results_of(pool)
    staged = results[1].staged
    assert (Path(staged.folder) / staged.file_name).read_bytes() == body
    first, second = server.asked_for(server.url("large"))
    assert first.start is None
    assert second.start >= MIB


def test_a_staging_folder_that_is_none(setting, tmp_path, client):
    """It is an error before anything is asked for, and no process is left."""
    with pytest.raises(StoreError, match="none"):
        WorkerPool(setting._replace(staging=tmp_path / "none"), 2, client)
    assert workers() == []


# A process that was started in the background of a shell ignores SIGINT, and so do its children.
PARENT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from airnub_core import NetworkSettings
from airnub_core.http.client import Client
from airnub_core.http.downloader import DownloaderConfig
from airnub_core.http.worker_pool import WorkerPool
from airnub_core.http.request import Request
from airnub_core.store.partials import Partials

staging, *urls = sys.argv[1:]
limits = NetworkSettings(allow_private_hosts=True).limits()
client = Client("me", 4)
with WorkerPool(DownloaderConfig(Path(staging), Partials(Path(staging, "hidden")), 4, "me"), 2, client) as pool:
    for number, url in enumerate(urls):
        next(packet for packet in pool.results() if pool.has_idle)
        pool.add([Request(number, "s", url, "0" * 64, limits)])
    for _ in pool.results():
        pass
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_process_ends_with_the_one_that_started_it(server, staging_folder, how):
    """However that ended: nobody is left who holds its standard error open."""
    urls = [server.url("stall", size=number) for number in range(2)]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, staging_folder, *urls], stderr=subprocess.PIPE, start_new_session=True
    )
    assert server.busy.reached(2)
    os.killpg(parent.pid, how)  # as Ctrl-C does: the worker has a session of its own
    _, said = parent.communicate(timeout=60)
    assert parent.returncode == -how
    assert (b"KeyboardInterrupt" in said) == (how == signal.SIGINT)
    assert b"airnub-jobs" not in said

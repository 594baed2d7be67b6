"""Crews: to whoever has one, a thread and two processes are the same."""

import os
import signal
import subprocess
import sys
import threading

import pytest
from misbehaviours import content

from airnub_core.download.crew import MEMORY, Crew, Setting
from airnub_core.download.job import Failed, Fetched
from airnub_core.errors import StoreError, WorkerLostError


@pytest.fixture
def setting(staging_folder, tmp_path):
    """Of a crew in the test's own folder."""
    return Setting(staging_folder, tmp_path / "hidden", 4, "tests/1")


def results_of(crew):
    """All that come, by number."""
    return {result.number: result for packet in crew.results() for result in packet}


def wait_for(crew):
    """All have started; before, jobs go to those that have."""
    if not crew.has_started:
        next(packet for packet in crew.results() if crew.has_started)


def workers():
    """The processes that download for this one."""
    command = ["pgrep", "-P", str(os.getpid()), "-f", "airnub_core.download.worker"]
    return [int(line) for line in subprocess.run(command, capture_output=True, check=False).stdout.split()]


@pytest.mark.parametrize("members", [1, 2, 3])
def test_any_number_comes_to_the_same(setting, job, server, staging_folder, members):
    """The same results, staged in the same place, and nobody is left when the block is."""
    urls = [server.url("whole", size=1000 * number, seed=number) for number in range(1, 12)]
    urls += [server.url("missing"), server.url("whole", size=3_000_000)]
    with Crew(setting, members) as crew:
        wait_for(crew)
        assert (len(crew), len(workers())) == (members, members - 1)
        for number, url in enumerate(urls):
            crew.add([job(url, number)])
        crew.close()
        results = results_of(crew)
    assert workers() == []
    assert [type(results[number]) for number in range(13)] == [Fetched] * 11 + [Failed, Fetched]
    sizes = [1000 * number for number in range(1, 12)]
    assert [results[number].staged.size for number in range(11)] == sizes
    staged = results[12].staged
    assert (staging_folder / staged.folder / staged.file_name).read_bytes() == content(3_000_000)
    assert len({result.staged.folder for result in results.values() if isinstance(result, Fetched)}) == 12


def test_work_goes_to_whoever_has_the_least(setting, job, server, staging_folder):
    """Each has its share, under a prefix of its own."""
    with Crew(setting, 2) as crew:
        wait_for(crew)
        for number in range(6):
            crew.add([job(server.url("held", until=4, seed=number), number)])
        crew.close()
        assert len(results_of(crew)) == 6
    assert {path.parent.name for path in staging_folder.glob("*/*/")} == {"a", "b"}


def test_nobody_waits_for_who_has_not_started(setting, job, server):
    """Jobs go to those that have; a process that is not needed any more is ended before it has begun."""
    with Crew(setting, 2) as crew:
        crew.add([job(server.url("whole", size=1), 1)])
        crew.close()
        assert list(results_of(crew)) == [1]
    assert workers() == []


def test_who_has_started_says_so(setting):
    """With an empty packet; one alone has."""
    with Crew(setting) as crew:
        assert crew.has_started
    with Crew(setting._replace(hidden=setting.hidden / "other"), 3) as crew:
        assert not crew.has_started
        packets = crew.results()
        while not crew.has_started:
            assert next(packets) == []
        crew.close()
        assert list(packets) == []


def test_who_is_late_has_no_jobs(setting, job, server, staging_folder):
    """Until it has started, others have all of them."""
    with Crew(setting, 2) as crew:
        for number in range(6):
            crew.add([job(server.url("whole", size=10, seed=number), number)])
        crew.close()
        assert len(results_of(crew)) == 6
    assert {path.parent.name for path in staging_folder.glob("*/*/")} == {"a"}


@pytest.mark.parametrize("members", [1, 2])
def test_the_rest_comes_when_results_are_left_early(setting, job, server, members):
    """All that has come until everybody has ended, each once."""
    with Crew(setting, members) as crew:
        wait_for(crew)
        for number in range(200):
            crew.add([job(server.url("whole", size=10, seed=number), number)])
        first = next(packet for packet in crew.results() if packet)
        crew.stop()
        numbers = [result.number for packet in (first, *crew.rest()) for result in packet]
        assert list(crew.rest()) == []
    assert len(set(numbers)) == len(numbers) >= len(first)
    assert workers() == []


def test_the_rest_of_those_whose_fellow_is_lost(setting, job, server):
    """It is not lost with it."""
    with Crew(setting, 2) as crew:
        wait_for(crew)
        crew.add([job(server.url("stall", size=1), 1, stall_timeout=60)])
        crew.add([job(server.url("stall", size=2), 2, stall_timeout=60)])
        assert server.busy.reached(2)
        [worker] = workers()
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(WorkerLostError):
            results_of(crew)
        crew.add([job(server.url("told"), 3)])
        crew.close()
        crew.stop()
        assert {result.number for packet in crew.rest() for result in packet} <= {3}
    assert workers() == []


def test_shares_do_not_exceed_the_whole():
    """Connections and memory are divided, and each has one connection at least."""
    setting = Setting("staging", "hidden", 5, "me")
    shares = [setting.of(member, 2) for member in range(2)]
    assert [share["connections"] for share in shares] == [2, 2]
    assert sum(share["memory"] for share in shares) <= MEMORY
    assert len({share["prefix"] for share in shares}) == 2
    assert setting._replace(connections=1).of(1, 2)["connections"] == 1


@pytest.mark.parametrize("members", [1, 2])
def test_it_is_stopped(setting, job, server, members):
    """The results so far still come, and those that are not there are given up."""
    stopped = False
    with Crew(setting, members) as crew:
        wait_for(crew)
        crew.add([job(server.url("told"), 1)])
        for number in range(2, 2 + members):
            crew.add([job(server.url("stall", size=number), number, stall_timeout=60)])
        numbers = []
        for packet in crew.results():
            numbers += [result.number for result in packet]
            if numbers and not stopped and server.busy.reached(1):
                crew.stop()
                stopped = True
    assert numbers == [1]


@pytest.mark.parametrize("members", [1, 2])
def test_a_block_that_is_left_early(setting, job, server, members):
    """Nobody goes on."""
    with Crew(setting, members) as crew:
        crew.add([job(server.url("stall"), 1, stall_timeout=60)])
        assert server.busy.reached(1)
    assert workers() == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("airnub")]


def test_a_stop_that_comes_too_late(setting):
    """All have ended: there is nobody to tell, and that is no error."""
    with Crew(setting, 2) as crew:
        crew.close()
        assert results_of(crew) == {}
    crew.stop()


def test_a_process_that_is_killed(setting, job, server):
    """It is told, with how it ended, after all that came before; the others are stopped."""
    numbers = []

    def go_on(crew):
        for packet in crew.results():
            numbers.extend(result.number for result in packet)
            if numbers:
                [worker] = workers()
                os.kill(worker, signal.SIGKILL)

    with Crew(setting, 2) as crew:
        wait_for(crew)
        crew.add([job(server.url("told"), 1)])
        for number in (2, 3):
            crew.add([job(server.url("stall", size=number), number, stall_timeout=60)])
        with pytest.raises(WorkerLostError) as error:
            go_on(crew)
    assert (error.value.status, numbers) == (-signal.SIGKILL, [1])
    assert workers() == []


def test_a_staging_folder_that_is_none(setting, tmp_path):
    """It is an error before anything is asked for, and no process is left."""
    with pytest.raises(StoreError, match="none"):
        Crew(setting._replace(staging=tmp_path / "none"), 2)
    assert workers() == []


PARENT = """
import sys
from pathlib import Path
from airnub_core import NetworkSettings
from airnub_core.download.crew import Crew, Setting
from airnub_core.download.job import Job
from airnub_core.store.provenance import Asked

staging, *urls = sys.argv[1:]
limits = NetworkSettings(allow_private_hosts=True).limits()
with Crew(Setting(Path(staging), Path(staging, "hidden"), 4, "me"), 2) as crew:
    next(packet for packet in crew.results() if crew.has_started)
    for number, url in enumerate(urls):
        crew.add([Job(number, Asked("s", url, "0" * 64), limits, {})])
    for _ in crew.results():
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

"""Downloads: who is asked for what and when, and what becomes of it."""

import os
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from itertools import count

import pytest

from airnub_core import ContentStore, Item, Status, verify
from airnub_core.downloads import MANY, Downloads, _processes_for
from airnub_core.errors import StoreError, WorkerLostError
from airnub_core.http import worker_pool
from airnub_core.http.client import Client
from airnub_core.http.file_sink import FileSink
from airnub_core.http.worker_pool import DownloaderConfig
from airnub_core.sample_site import Reply, SampleSite
from airnub_core.store.clock import elapsed, timestamp
from airnub_core.store.factory import open_for_writing
from airnub_core.store.index import Run


@pytest.fixture
def opened(tmp_path):
    """An empty store, with all that writing into it takes."""
    with open_for_writing(tmp_path) as everything:
        yield everything


@pytest.fixture
def told():
    """Outcomes as they were told."""
    return []


@pytest.fixture
def downloads(opened, network, told):
    """One call's downloads."""
    clients = []

    def make(*, network=network, force=False, processes=1, index=opened.index, on_outcomes=told.extend):
        logged = opened.store.takes_logs
        setting = DownloaderConfig(opened.staging.folder, opened.partials, network.connections, "tests/1", logged)
        clients.append(Client(setting.user_agent, setting.connections))
        return Downloads(
            store=opened.store,
            index=index,
            config=setting,
            network=network,
            force=force,
            processes=processes,
            run_of=Run("r", timestamp(elapsed() + index.clock())),
            on_outcomes=on_outcomes,
            client=clients[-1],
        )

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def items(network):
    """Items of one source."""
    return lambda *urls, **options: [
        Item(options.get("source", "s"), url, options.get("network", network)) for url in urls
    ]


def files(site, number):
    """The URLs of so many files, all of them different."""
    site.routes |= {f"/{one}": Reply(f"file {one}".encode()) for one in range(number)}
    return [site.url(f"/{one}") for one in range(number)]


@contextmanager
def in_thread(work):
    """Do something beside the test; it has ended when the block has."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.mark.parametrize("processes", [1, 2])
def test_outcomes_have_the_order_of_the_items(site, downloads, items, told, tmp_path, processes):
    """Whatever came first, and whoever fetched it; each is told once, and what it names is there."""
    urls = files(site, 60)
    urls[10] = site.url("/missing")
    outcomes = downloads(processes=processes).run(items(*urls))
    assert [outcome.url for outcome in outcomes] == urls
    kinds = [outcome.kind for outcome in outcomes]
    assert kinds == [Status.FAILED if url.endswith("/missing") else Status.STORED for url in urls]
    assert sorted(told, key=lambda one: one.url) == sorted(outcomes, key=lambda one: one.url)
    assert [(tmp_path / one.path).read_bytes() for one in outcomes[:10]] == [f"file {n}".encode() for n in range(10)]
    assert verify(ContentStore(tmp_path)).damaged == []
    assert {one.kind for one in downloads(processes=processes).run(items(*urls))} == {Status.UNCHANGED, Status.FAILED}


def test_nothing_is_asked_of_nobody(downloads, told):
    """No items, no outcomes."""
    assert (downloads().run([]), told) == ([], [])


def test_many_items_of_one_host_are_dealt_out_in_their_order(site, downloads, items, network):
    """More than are dealt out at once; one connection asks for one after the other."""
    one_by_one = network.model_copy(update={"connections": 1})
    urls = files(site, 700)
    outcomes = downloads(network=one_by_one).run(items(*urls, network=one_by_one))
    assert [outcome.kind for outcome in outcomes] == [Status.STORED] * 700
    assert [site.url(asked.path) for asked in site.asked] == urls


def test_a_slow_host_does_not_hold_all_that_is_out(site, server, downloads, items, network):
    """Though its items come first, and are more than are ever dealt out of one host."""
    slow = network.model_copy(update={"stall_timeout": 60})
    urls = files(site, 300)
    working = downloads()
    wanted = items(*(server.url("stall", size=number) for number in range(3000)), *urls, network=slow)
    outcomes = []
    with in_thread(lambda: outcomes.extend(working.run(wanted))):
        for _ in range(600):
            if len(site.asked) == len(urls):
                break
            time.sleep(0.1)
        working.stop()
    assert len(site.asked) == len(urls)
    assert {outcome and outcome.kind for outcome in outcomes[:3000]} == {None}


@pytest.mark.parametrize("processes", [1, 2])
def test_it_is_stopped(server, site, downloads, items, tmp_path, opened, processes):
    """What has come is settled, though it was no batch yet; what has not has no outcome."""
    [good] = files(site, 1)
    working, outcomes = downloads(processes=processes), []
    slow = [server.url("stall", size=number) for number in range(2)]
    with in_thread(lambda: outcomes.extend(working.run(items(good, *slow)))):
        assert server.busy.reached(2)
        while not list(opened.staging.folder.rglob("*.manifest.json")) and not list(tmp_path.glob("s/*/*/*.json")):
            pass
        working.stop()
    assert [outcome and outcome.kind for outcome in outcomes] == [Status.STORED, None, None]
    assert [known.url for known in opened.index.current("s")] == [good]


def test_a_stop_before_the_start(site, downloads, items):
    """Nobody may have been asked for anything, and it ends."""
    working = downloads()
    working.stop()
    assert [one for one in working.run(items(*files(site, 5))) if one is not None and one.kind is Status.FAILED] == []


class Elsewhere:
    """An index that another worker shares, and writes to before this one looks."""

    def __init__(self, index, before_lookup):
        self._index = index
        self._before_lookup = before_lookup
        self.shared = True

    def lookup(self, source, digests):
        self._before_lookup()
        return self._index.lookup(source, digests)

    def __getattr__(self, name):
        return getattr(self._index, name)


def test_what_another_worker_has_done_meanwhile_is_not_done_again(site, downloads, items, opened, told):
    """It is unchanged after no attempt at all, unless somebody insists."""
    urls = files(site, 20)
    once = iter([lambda: downloads().run(items(*urls))])

    def another():
        for work in once:
            work()

    index = Elsewhere(opened.index, another)
    outcomes = downloads(index=index).run(items(*urls))
    assert {(outcome.kind, outcome.attempts) for outcome in outcomes} == {(Status.UNCHANGED, 0)}
    assert [outcome.url for outcome in outcomes] == urls
    assert len(site.asked) == 20
    assert len(told) == 40
    forced = downloads(index=Elsewhere(index, lambda: None), force=True).run(items(*urls))
    assert {outcome.attempts for outcome in forced} == {1}
    assert len(site.asked) == 40


def test_what_was_done_before_is_asked_about_again(site, downloads, items, opened):
    """Another run may have done it, but this one began later."""
    urls = files(site, 3)
    downloads().run(items(*urls))
    index = Elsewhere(opened.index, lambda: None)
    assert {one.attempts for one in downloads(index=index).run(items(*urls))} == {1}
    assert len(site.asked) == 6


def test_a_store_that_cannot_be_written_in_the_middle(site, downloads, items, opened, told, tmp_path):
    """The run fails; what was settled before stays settled, and what came beside it too."""
    (tmp_path / "t").write_bytes(b"in the way")
    urls = files(site, 3)
    wanted = [*items(*urls[:2]), *items(urls[2], source="t")]
    with pytest.raises(StoreError, match=str(tmp_path / "t")):
        downloads().run(wanted)
    assert {outcome.url for outcome in told} == set(urls[:2])
    assert len(opened.index.current("s")) == 2


def test_what_goes_wrong_first_is_told(site, downloads, items, opened, monkeypatch):
    """What has come is settled then; where that goes wrong too, it is no news."""
    flushes = []

    def flush(_landing):
        flushes.append(1)
        if len(flushes) > 1:
            raise StoreError("the log", "first")

    def record(*_rows):
        raise StoreError("the index", "second")

    monkeypatch.setattr(FileSink, "flush", flush)
    monkeypatch.setattr(opened.index, "record", record)
    with pytest.raises(StoreError, match="first"):
        downloads().run(items(*files(site, 300)))


def workers():
    """The processes that download for this one."""
    command = ["pgrep", "-P", str(os.getpid()), "-f", "airnub_core.http.worker"]
    return [int(line) for line in subprocess.run(command, capture_output=True, check=False).stdout.split()]


@pytest.mark.system
@pytest.mark.parametrize("moments", [(1,), (143,), (100, 200, 300), (590,)])
def test_a_process_that_is_killed(site, downloads, items, opened, told, tmp_path, moments):
    """The run ends as if nothing had happened, whenever it is: each item is stored, and has one outcome."""
    urls = files(site, 600)
    turns, asked, killed = count(1), [], []

    def kill():
        for worker in workers():
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
                killed.append(worker)

    def answer_of(number):
        def answer(_asked):
            asked.append(now := next(turns))
            if now in moments:
                kill()
            while len(asked) < 9:
                time.sleep(0.01)  # one process asks for 8 at once: the second one has begun then
            return Reply(f"file {number}".encode())

        return answer

    site.routes |= {f"/{number}": answer_of(number) for number in range(600)}
    outcomes = downloads(processes=2).run(items(*urls))
    assert killed or moments == (590,)  # the second process may be done by then
    assert [(outcome.url, outcome.kind) for outcome in outcomes] == [(url, Status.STORED) for url in urls]
    assert sorted(outcome.url for outcome in told) == sorted(urls)
    assert {known.url for known in opened.index.current("s")} == set(urls)
    assert [(tmp_path / one.path).read_bytes() for one in outcomes] == [f"file {n}".encode() for n in range(600)]
    assert verify(ContentStore(tmp_path)).damaged == []
    assert not [path for path in opened.staging.folder.glob("*/*/*") if path.parent.parent.name != "redo"]


@pytest.mark.system
def test_processes_that_are_killed_for_ever(server, site, downloads, items, opened, told, network, monkeypatch):
    """The run ends, with an error for each item that they were at; the others are stored."""
    monkeypatch.setattr(worker_pool, "MOST_LOSSES", 2)
    patient = network.model_copy(update={"stall_timeout": 60, "connections": 8})
    killed, lost = set(), threading.Event()
    # Nothing is answered before the last process was killed.
    server.behaviours["late"] = lambda talk, number: (lost.wait(30), talk.answer(body=b"%d" % number))
    outcomes = []
    urls = [server.url("late", number=number) for number in range(400)]
    with in_thread(lambda: outcomes.extend(downloads(processes=2, network=patient).run(items(*urls, network=patient)))):
        while len(killed) < 3:
            for worker in workers():
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
                    killed.add(worker)
            time.sleep(0.02)
        lost.set()
    assert len(killed) == 3
    assert len(outcomes) == len(told) == 400
    failed = [outcome for outcome in outcomes if outcome.kind is Status.FAILED]
    assert all(isinstance(outcome.error, WorkerLostError) for outcome in failed)
    assert {outcome.kind for outcome in outcomes} - {Status.FAILED} == {Status.STORED}
    assert len(opened.index.current("s")) == 400 - len(failed)


@pytest.mark.parametrize(
    ("number", "change", "processes"),
    [
        (MANY, {}, 2),
        (MANY - 1, {}, 1),
        (MANY, {"connections": 1}, 1),
        (MANY, {"connections_per_host": 1}, 1),
        (MANY, {"requests_per_second_per_host": 100.0}, 1),
    ],
)
def test_how_many_download(monkeypatch, network, items, number, change, processes):
    """Several only where that pays, and where each can have a share of the limits."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    limits = network.model_copy(update=change)
    assert _processes_for(items(*(["http://h/"] * number), network=limits), limits) == processes


def test_one_core_is_for_one(monkeypatch, network, items):
    """And where nobody can say how many there are, too."""
    for cores in (1, None):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        assert _processes_for(items(*(["http://h/"] * MANY)), network) == 1


def test_two_sites_are_asked_side_by_side(downloads, items):
    """Also where there are many items of each."""
    with SampleSite({}) as first, SampleSite({}) as second:
        urls = [*files(first, 300), *files(second, 300)]
        outcomes = downloads().run(items(*urls))
        assert [outcome.url for outcome in outcomes] == urls
        assert (len(first.asked), len(second.asked)) == (300, 300)

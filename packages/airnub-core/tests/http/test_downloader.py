"""The downloader by itself; what it makes of all that servers do is in the tests beside this."""

import shutil
import threading
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from answers import kind_of
from misbehaviours import content

from airnub_core.errors import ConnectionFailedError, HttpStatusError, RefusedUrlError, StoreError
from airnub_core.http.client import Client
from airnub_core.http.downloader import PACKET, Downloader, DownloaderConfig
from airnub_core.http.request import Response
from airnub_core.sample_site import Reply
from airnub_core.store.clock import elapsed
from airnub_core.store.manifest import Manifest
from airnub_core.store.partials import WORTH_RESUMING, Partials
from airnub_core.store.write_ahead_log import logs_in, read_log

MIB = 1024 * 1024


@pytest.fixture
def packets():
    """What the downloader told, packet by packet."""
    return []


@pytest.fixture
def running(tmp_path, staging_folder, packets):
    """A downloader at work in a thread, which has ended when the block has."""

    @contextmanager
    def run(on_results=packets.append, **options):
        config = DownloaderConfig(staging_folder, Partials(tmp_path / "hidden"), 8, "tests/1", memory=4 * MIB)
        downloader = Downloader(config._replace(**options), on_results)
        thread = threading.Thread(target=downloader.finish)
        thread.start()
        try:
            yield downloader
        finally:
            downloader.close()
            thread.join()

    return run


def by_number(packets):
    """All results."""
    results = [result for packet in packets for result in packet]
    return {result.request.number: result for result in results if isinstance(result, Response)}


def test_what_is_told_is_logged_before(running, job, server, staging_folder):
    """Every packet, also the last one of a downloader that is stopped."""
    unlogged = []

    def told(results):
        logged = {str(staging_folder / one.folder) for log in logs_in(staging_folder) for one in read_log(log)}
        unlogged.extend(result for result in results if result.staged.folder not in logged)
        numbers.extend(result.request.number for result in results)

    numbers = []
    with running(is_logged=True, on_results=told) as downloader:
        downloader.add([job(server.url("whole", size=10, seed=number), number) for number in range(300)])
        while not numbers:
            pass
        downloader.stop()
    assert unlogged == []
    assert len(set(numbers)) == len(numbers) >= 1


def test_when_the_request_was_sent_is_known(running, packets, job, site, raw_server):
    """By the clock of the index; the one that was answered, after every redirect, for bytes and for 304."""
    redirected = []

    def redirect(connection):
        redirected.append(elapsed())
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {site.url('/a')}\r\nContent-Length: 0\r\n\r\n".encode())

    raw_server.answer = redirect
    site.routes["/a"] = Reply(b"here", headers={"ETag": '"1"'})
    jobs = [job(raw_server.url(), 0), job(raw_server.url(), 1)._replace(etag='"1"')]
    with running(connections=1) as downloader:
        downloader.add([one._replace(clock=1000 - elapsed()) for one in jobs])
        began = elapsed()
    results = by_number(packets)
    assert [kind_of(results[number]) for number in range(2)] == ["staged", "unchanged"]
    for number in range(2):
        sent = datetime.fromisoformat(results[number].sent_at).timestamp() - 1000
        assert redirected[number] - began - 1 < sent < elapsed() - began + 1
    staged = results[0].staged
    manifest = Manifest.read(Path(staged.folder, f"{staged.file_name}.manifest.json"))
    assert manifest.fetched_at.isoformat() == results[0].sent_at


def test_a_log_that_cannot_be_written(running, packets, job, server, staging_folder):
    """Nothing of the packet is told but why nothing goes on."""
    (staging_folder / "redo").write_bytes(b"in the way")
    with running(is_logged=True) as downloader:
        downloader.add([job(server.url("told"), 1)])
    [result] = [result for packet in packets for result in packet]
    assert isinstance(result, StoreError)


def test_each_job_has_one_result(running, packets, job, server):
    """By its number; what came is staged, small or large, and nobody who asks is left unnamed."""
    jobs = [
        job(server.url("told"), 1),
        job(server.url("whole", size=5 * MIB), 2),
        job(server.url("whole", size=10, etag="x"), 3, etag="x"),
        job(server.url("missing"), 4),
        job("ftp://h/", 5),
    ]
    with running() as downloader:
        downloader.add(jobs)
    results = by_number(packets)
    assert {number: kind_of(result) for number, result in results.items()} == {
        1: "staged",
        2: "staged",
        3: "unchanged",
        4: "failed",
        5: "failed",
    }
    staged = results[2].staged
    assert Path(staged.folder, staged.file_name).read_bytes() == content(5 * MIB)
    assert results[3].headers == {"etag": "x"}
    assert isinstance(results[4].error, HttpStatusError)
    assert isinstance(results[5].error, RefusedUrlError)
    assert {asked.headers["user-agent"] for asked in server.asked} == {"tests/1"}


def test_nothing_to_do(running, packets):
    """It ends when it is told that there is no more."""
    with running():
        pass
    assert packets == []


def test_more_may_come_while_it_runs(running, packets, job, server):
    """It waits for it, and ends only when it is told that there is no more."""
    first = threading.Event()

    def told(packet):
        packets.append(packet)
        first.set()

    with running(on_results=told) as downloader:
        downloader.add([job(server.url("told", text=1), 1)])
        assert first.wait(60)
        downloader.add([job(server.url("told", text=2), 2)])
    assert set(by_number(packets)) == {1, 2}


def test_results_come_in_packets(running, packets, job, server):
    """Whoever gets them has something to do with each packet, so that there are few of them."""
    with running() as downloader:
        downloader.add([job(server.url("told", text=number), number) for number in range(3 * PACKET)])
    assert set(by_number(packets)) == set(range(3 * PACKET))
    assert len(packets) < PACKET


def test_it_is_stopped(running, packets, job, server, partials):
    """What has come is told, what has not is given up, and what is worth resuming waits for the next run."""
    told = threading.Event()

    def on_results(packet):
        packets.append(packet)
        told.set()

    with running(on_results=on_results, connections=2) as downloader:
        downloader.add([job(server.url("told"), 1)])
        assert told.wait(60)
        downloader.add([job(server.url("stall_in_body", size=4 * MIB, sent=2 * MIB), 2, stall_timeout=60)])
        downloader.add([job(server.url("stall"), 3, stall_timeout=60), job(server.url("stall", size=1), 4)])
        assert server.busy.reached(2)
        while not list((Path(packets[0][0].staged.folder).parent).glob("*/partial.json")):
            pass
        downloader.stop()
    assert set(by_number(packets)) == {1}
    [parked] = partials
    assert WORTH_RESUMING <= parked.note.size <= 2 * MIB


def test_what_was_parked_is_gone_on_with(running, packets, job, server):
    """By a later downloader: it looks before it asks."""
    url = server.url("cut", size=4 * MIB, sent=2 * MIB)
    for number in (1, 2):
        with running(prefix="ab"[number - 1]) as downloader:
            downloader.add([job(url, number)])
    results = by_number(packets)
    assert kind_of(results[1]) == "failed"
    assert WORTH_RESUMING <= results[1].error.kept <= 2 * MIB
    assert server.asked[1].start == results[1].error.kept
    staged = results[2].staged
    assert Path(staged.folder, staged.file_name).read_bytes() == content(4 * MIB)


def test_what_was_parked_outlives_a_stop(running, packets, job, server, partials, staging_folder):
    """In whatever moment it comes: while the partial file is looked at, too."""
    url = server.url("cut", size=40 * MIB, sent=2 * MIB, times=100)
    with running() as downloader:
        downloader.add([job(url, 1, stall_timeout=30)])
    [parked] = partials
    for number in range(10):
        with running(prefix="bcdefghijk"[number]) as downloader:
            downloader.add([job(url, 2)])
            while number % 2 and not list(staging_folder.glob("*/*/body")) and not packets[1:]:
                pass
            downloader.stop()
        [still] = partials
        assert still.note.size >= parked.note.size


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_store_that_cannot_be_written(running, packets, job, server, staging_folder, size):
    """It is told once that nothing goes on, and it is for whoever runs it to stop."""
    with running() as downloader:
        shutil.rmtree(staging_folder)
        downloader.add([job(server.url("whole", size=size), 1)])
    [[result]] = packets
    assert isinstance(result, StoreError)


def test_each_has_its_share_of_the_connections(running, packets, job, server):
    """Never more than it was told."""
    with running(connections=3) as downloader:
        downloader.add([job(server.url("held", until=3, seed=number), number) for number in range(9)])
    assert len(by_number(packets)) == 9
    assert server.busy.most == 3


def test_one_source_may_ask_private_hosts_and_another_may_not(running, packets, job, server):
    """In one downloader, whose connections to them are kept apart."""
    jobs = [job(server.url("told"), number, allow_private_hosts=number % 2 == 0) for number in range(6)]
    with running(connections=1) as downloader:
        downloader.add(jobs)
    kinds = {number: kind_of(result) for number, result in by_number(packets).items()}
    assert kinds == {number: "failed" if number % 2 else "staged" for number in range(6)}
    assert len(server.asked) == 3


@pytest.mark.parametrize("ends_by_a_fault", [False, True])
@pytest.mark.parametrize("is_at_work", [False, True])
def test_a_client_that_has_ended_ends_it(tmp_path, staging_folder, packets, job, server, ends_by_a_fault, is_at_work):
    """Before it begins, or in the middle; nobody waits for what never comes."""
    client = Client("tests/1", 2)

    def end():
        if not ends_by_a_fault:
            client.close()
            return
        client.call(lambda: client.is_no_method())
        client._thread.join(20)

    if not is_at_work:
        end()
    config = DownloaderConfig(staging_folder, Partials(tmp_path / "hidden"), 8, "tests/1", memory=4 * MIB)
    ended, errors = [], []
    downloader = Downloader(config, packets.append, client, lambda: ended.append(True))

    def finish():
        try:
            downloader.finish()
        except Exception as error:  # noqa: BLE001  # it is looked at below
            errors.append(error)

    waiting = threading.Thread(target=finish, daemon=True)
    waiting.start()
    downloader.add([job(server.url("stall"), stall_timeout=60)])
    if is_at_work:
        while not server.asked:
            pass
        end()
    waiting.join(20)
    assert not waiting.is_alive()
    assert [type(error) for error in errors] == [AttributeError if ends_by_a_fault else ConnectionFailedError]
    assert ended

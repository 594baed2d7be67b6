"""The engine."""

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from urllib.parse import quote

import pytest

from airnub_common import digest_of
from airnub_core import (
    ContentStore,
    FileSource,
    Item,
    Status,
    commit,
    ingest_files,
    open_engine,
    open_store,
    verify,
)
from airnub_core.errors import (
    ConnectionFailedError,
    ContentEncodingError,
    HttpStatusError,
    ItemError,
    StoreError,
    TooLargeError,
    TransferTimeoutError,
    TruncatedBodyError,
)
from airnub_core.sample_site import Reply, SampleSite
from airnub_core.store.location import StoreLocation
from airnub_core.store.manifest import Manifest, url_digest


def ingest(root, network, *urls, force=False):
    """Fetch URLs of one source; their outcomes."""

    async def run():
        async with open_engine(root, network, force=force) as engine:
            return await ingest_files(engine, [FileSource(name="weather", urls=urls)])

    return asyncio.run(run())


def test_a_file_is_stored_with_its_manifest(site, network, tmp_path):
    """The object lies under its digest, equals the bytes served, and its manifest says where it came from."""
    site.routes["/a.csv"] = Reply(b"1,2\n", headers={"Content-Type": "text/csv"})
    [outcome] = ingest(tmp_path, network, site.url("/a.csv"))
    digest = digest_of(b"1,2\n")
    hex_digits = digest.removeprefix("sha256:")
    assert (outcome.kind, outcome.digest, outcome.size) == (Status.STORED, digest, 4)
    assert outcome.path == f"weather/{hex_digits[:2]}/{hex_digits}/a.csv"
    assert (tmp_path / outcome.path).read_bytes() == b"1,2\n"
    manifest = json.loads((tmp_path / outcome.manifest).read_bytes())
    assert manifest["url"] == site.url("/a.csv")
    assert manifest["digest"] == digest
    assert manifest["content_type"] == "text/csv"


def test_second_run_is_unchanged(site, network, tmp_path):
    """A known URL is asked with its validators, and nothing is stored again."""
    site.routes["/a.csv"] = Reply(b"1\n")
    ingest(tmp_path, network, site.url("/a.csv"))
    before = sorted(path for path in tmp_path.rglob("*") if ".airnub" not in path.parts)
    [outcome] = ingest(tmp_path, network, site.url("/a.csv"))
    assert outcome.kind is Status.UNCHANGED
    assert "if-none-match" in site.asked[1].headers
    assert before == sorted(path for path in tmp_path.rglob("*") if ".airnub" not in path.parts)


def test_new_bytes_are_a_new_version(site, network, tmp_path):
    """A changed file is another object, whose manifest names the one before; a return to old bytes costs no object."""
    for body, kind in [(b"1", Status.STORED), (b"2", Status.UPDATED), (b"1", Status.UPDATED), (b"1", Status.UNCHANGED)]:
        site.routes["/a"] = Reply(body)
        [outcome] = ingest(tmp_path, network, site.url("/a"))
        assert outcome.kind is kind
        assert (tmp_path / outcome.path).read_bytes() == body
    assert len(list(tmp_path.glob("weather/??/*"))) == 2


def test_equal_bytes_are_stored_once(site, network, tmp_path):
    """A second URL with the same bytes adds a manifest, not an object."""
    site.routes |= {"/a.csv": Reply(b"same"), "/b.csv": Reply(b"same")}
    first, second = ingest(tmp_path, network, site.url("/a.csv"), site.url("/b.csv"))
    assert (first.kind, second.kind) == (Status.STORED, Status.STORED)
    assert first.path == second.path
    assert first.manifest != second.manifest
    [folder] = tmp_path.glob("weather/??/*")
    assert len(list(folder.iterdir())) == 3
    assert {outcome.kind for outcome in ingest(tmp_path, network, site.url("/a.csv"), site.url("/b.csv"))} == {
        Status.UNCHANGED
    }


def test_failures_do_not_stop_the_others(site, network, tmp_path, unused_port):
    """A 404, a refused connection and a body that stops early fail with true messages; the rest is stored."""
    site.routes["/ok"] = Reply(b"fine")
    site.routes["/cut"] = Reply(b"17 bytes and then", headers={"Content-Length": "48219"})
    dead = f"http://127.0.0.1:{unused_port}/x"
    ok, missing, refused, cut = ingest(tmp_path, network, site.url("/ok"), site.url("/missing"), dead, site.url("/cut"))
    assert ok.kind is Status.STORED
    assert missing.error == HttpStatusError(site.url("/missing"), 404)
    assert isinstance(refused.error, ConnectionFailedError)
    assert cut.error == TruncatedBodyError(site.url("/cut"), 48219, 17)
    assert str(cut.error) == (
        f"{site.url('/cut')}: expected 48,219 bytes (Content-Length), received 17 bytes and then the end"
    )
    assert len(list(tmp_path.glob("*/??/*"))) == 1
    assert not list((tmp_path / ".airnub" / "staging").glob("*/*"))


def test_what_may_heal_is_retried(site, network, tmp_path):
    """A 503 that heals is one stored item after three attempts; a 404 is asked once."""
    answers = iter([Reply(status=503), Reply(status=429, headers={"Retry-After": "0"}), Reply(b"at last")])
    site.routes["/shaky"] = lambda _asked: next(answers)
    patient = network.model_copy(update={"attempts": 4})
    healed, missing = ingest(tmp_path, patient, site.url("/shaky"), site.url("/missing"))
    assert (healed.kind, healed.attempts) == (Status.STORED, 3)
    assert (missing.kind, missing.attempts) == (Status.FAILED, 1)


def test_force_fetches_again(site, network, tmp_path):
    """With force no validators are sent; equal bytes are still unchanged."""
    site.routes["/a"] = Reply(b"x")
    ingest(tmp_path, network, site.url("/a"))
    [outcome] = ingest(tmp_path, network, site.url("/a"), force=True)
    assert outcome.kind is Status.UNCHANGED
    assert "if-none-match" not in site.asked[1].headers


@pytest.mark.parametrize("harm", ["removed", "cut", "changed"])
def test_a_lost_object_is_fetched_again(site, network, tmp_path, harm):
    """An object that was deleted or cut comes back by itself, one of the same size with force."""
    site.routes["/a"] = Reply(b"precious")
    [first] = ingest(tmp_path, network, site.url("/a"))
    path = tmp_path / first.path
    path.unlink() if harm == "removed" else path.write_bytes(b"prec" if harm == "cut" else b"PRECIOUS")
    ingest(tmp_path, network, site.url("/a"), force=harm == "changed")
    assert path.read_bytes() == b"precious"


def test_a_store_that_cannot_be_written_fails_the_run(site, network, tmp_path):
    """A file where the store should be is an error of the run, with its path."""
    (tmp_path / "store").write_text("in the way")
    with pytest.raises(StoreError) as error:
        ingest(tmp_path / "store", network, site.url("/a"))
    assert str(tmp_path / "store") in str(error.value)


# --- what servers say about their files


@pytest.mark.parametrize(
    ("path", "header", "name"),
    [
        ("/data/weather.csv", None, "weather.csv"),
        ("/data/K%C3%B6ln%20.csv?x=y.txt", None, "Köln .csv"),
        ("/", None, "index"),
        ("/a/..%2F..%2Fetc%2Fpasswd", None, "passwd"),
        ("/x", 'attachment; filename="report.csv"', "report.csv"),
        ("/x", "attachment; filename*=UTF-8''%E6%B0%97.csv", "気.csv"),
        ("/x", 'attachment; filename="../../../tmp/evil"', "evil"),
        ("/x", 'attachment; filename="a.manifest.json"', "a.manifest_json"),
        ("/x", f'attachment; filename="{"y" * 300}.csv"', "y" * 196 + ".csv"),
        ("/x", "attachment; filename*=UTF-8''%00%ED%A0%80; filename=ok.csv", "ok.csv"),
    ],
)
def test_files_have_safe_names(site, network, tmp_path, path, header, name):
    """From the server's header, else from the URL; the original is kept in the manifest."""
    site.routes[path.partition("?")[0]] = Reply(b"x", headers={"Content-Disposition": header} if header else {})
    [outcome] = ingest(tmp_path, network, site.url(path))
    assert outcome.path.rpartition("/")[2] == name
    assert verify(ContentStore(tmp_path)).damaged == []
    assert {entry.name for entry in tmp_path.iterdir()} == {"weather", ".airnub"}


def test_headers_worth_keeping_are_kept(site, network, tmp_path):
    """And no others: a cookie is a secret."""
    site.routes["/a"] = Reply(b"x", headers={"Last-Modified": "then", "Set-Cookie": "session=s3cret", "X-Other": "1"})
    [outcome] = ingest(tmp_path, network, site.url("/a"))
    headers = Manifest.read(tmp_path / outcome.manifest).headers
    assert headers["last-modified"] == "then"
    assert not {"set-cookie", "x-other"} & headers.keys()


def test_a_version_that_cannot_be_sent_back_is_left_out(raw_server, network, tmp_path):
    """An ETag in other letters than ASCII: the bytes are fetched again and are unchanged."""
    raw_server.answer = 'HTTP/1.1 200 OK\r\nETag: "größe"\r\nContent-Length: 1\r\n\r\nx'.encode()
    kinds = [outcome.kind for _ in range(2) for outcome in ingest(tmp_path, network, raw_server.url("/a"))]
    assert kinds == [Status.STORED, Status.UNCHANGED]
    assert b"if-none-match" not in raw_server.asked[1].lower()


def test_both_validators_are_sent(site, network, tmp_path):
    """A server that has no ETags may know the date."""
    site.routes["/a"] = Reply(b"x", headers={"Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", "ETag": '"1"'})
    for _ in range(2):
        ingest(tmp_path, network, site.url("/a"))
    sent = site.asked[1].headers
    assert (sent["if-none-match"], sent["if-modified-since"]) == ('"1"', "Thu, 01 Jan 2026 00:00:00 GMT")


def test_a_compressed_answer_is_stored_as_it_is_meant(site, network, tmp_path):
    """Decoded, and under the digest of what was meant; a .gz file stays as sent."""
    packed = gzip.compress(b"1,2\n")
    site.routes |= {path: Reply(packed, headers={"Content-Encoding": "gzip"}) for path in ("/a.csv", "/a.csv.gz")}
    plain, file = ingest(tmp_path, network, site.url("/a.csv"), site.url("/a.csv.gz"))
    assert (plain.digest, plain.size) == (digest_of(b"1,2\n"), 4)
    assert (tmp_path / file.path).read_bytes() == packed


# --- what may heal, and what may not


@pytest.mark.parametrize("wait", ["0", "Fri, 31 Dec 1999 23:59:59 GMT"])
def test_retry_after_is_honoured_in_both_forms(site, network, tmp_path, wait):
    """A wait that is over is no wait."""
    answers = iter([Reply(status=429, headers={"Retry-After": wait}), Reply(b"x")])
    site.routes["/a"] = lambda _asked: next(answers)
    [outcome] = ingest(tmp_path, network.model_copy(update={"attempts": 2}), site.url("/a"))
    assert (outcome.kind, outcome.attempts) == (Status.STORED, 2)


def test_a_wait_that_is_too_long_is_not_waited_for(site, network, tmp_path):
    """The item fails now, and the message may be read as: later."""
    site.routes["/a"] = Reply(status=503, headers={"Retry-After": "86400"})
    [outcome] = ingest(tmp_path, network.model_copy(update={"attempts": 4}), site.url("/a"))
    assert (outcome.attempts, outcome.error.transient, outcome.error.retry_after) == (1, True, 86400)


def test_a_cut_transfer_is_tried_again(raw_server, network, tmp_path):
    """What came of it before is gone."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole"
    answers = iter([whole[:-3], b"", whole])
    raw_server.answer = lambda connection: connection.sendall(next(answers))
    [outcome] = ingest(tmp_path, network.model_copy(update={"attempts": 3}), raw_server.url("/a"))
    assert (outcome.kind, outcome.attempts) == (Status.STORED, 3)
    assert (tmp_path / outcome.path).read_bytes() == b"whole"


def test_giving_up_says_how_often(site, network, tmp_path):
    """In the outcome and in the message."""
    site.routes["/a"] = Reply(status=500)
    [outcome] = ingest(tmp_path, network.model_copy(update={"attempts": 2}), site.url("/a"))
    assert (outcome.attempts, outcome.error.attempts) == (2, 2)
    assert str(outcome.error).endswith("found 500 Internal Server Error; gave up after 2 attempts")


def test_every_kind_of_bad_server_at_once(site, raw_server, network, tmp_path):
    """Each item fails with its own error, all others are stored, nothing half-written is left."""
    site.routes |= {
        "/large": Reply(b"x" * 2000),
        "/lying": Reply(b"short", headers={"Content-Length": "999"}),
        "/encoded": Reply(b"no gzip", headers={"Content-Encoding": "gzip"}),
        "/bomb": Reply(gzip.compress(bytes(10**7)), headers={"Content-Encoding": "gzip"}),
        **{f"/good/{number}": Reply(b"%d" % number) for number in range(50)},
    }
    raw_server.answer = lambda _connection: raw_server.over.wait()
    limits = network.model_copy(update={"max_bytes": 1000, "stall_timeout": 0.3})
    bad = [site.url(path) for path in ("/large", "/lying", "/encoded", "/bomb", "/missing")]
    good = [site.url(f"/good/{number}") for number in range(50)]
    outcomes = ingest(tmp_path, limits, *bad, raw_server.url("/stalled"), *good)
    assert [type(outcome.error) for outcome in outcomes[:6]] == [
        TooLargeError,
        TruncatedBodyError,
        ContentEncodingError,
        TooLargeError,
        HttpStatusError,
        TransferTimeoutError,
    ]
    assert {outcome.kind for outcome in outcomes[6:]} == {Status.STORED}
    assert len(list(tmp_path.glob("*/??/*"))) == 50
    assert not list((tmp_path / ".airnub" / "staging").glob("*/*"))


def test_a_url_that_is_none_fails_by_itself(site, network, tmp_path):
    """Items may come from anywhere, and their settings were not asked."""
    site.routes["/a"] = Reply(b"x")
    urls = ["http://[bad", "http://h:99999/", "x", "", site.url("/a")]

    async def main():
        async with open_engine(tmp_path, network) as running:
            return await running.ingest([Item("s", url, network) for url in urls])

    *bad, good = asyncio.run(main())
    assert all(isinstance(outcome.error, ItemError) for outcome in bad)
    assert good.kind is Status.STORED


def test_no_secret_of_a_url_is_written(site, network, tmp_path, everything_in):
    """Neither in manifests nor in the index, and not in what is published."""
    site.routes["/a"] = Reply(b"x")
    url = site.url("/a?token=s3cret&x=1").replace("://", "://me:passw0rd@")
    outcomes = ingest(tmp_path, network, url, url.replace("/a", "/missing"))
    assert [outcome.kind for outcome in outcomes] == [Status.STORED, Status.FAILED]
    assert [outcome.kind for outcome in ingest(tmp_path, network, url)] == [Status.UNCHANGED]
    written = json.dumps([outcome.as_json() for outcome in outcomes]).encode() + b"".join(everything_in().values())
    assert b"s3cret" not in written
    assert b"passw0rd" not in written


# --- many


def test_more_than_a_batch(site, network, tmp_path):
    """Outcomes come in the order of the items; each is reported once, when it is durable and known."""
    count = commit.BATCH + 50
    site.routes |= {f"/{number}": Reply(b"%d" % number) for number in range(count)}
    urls = [site.url(f"/{number}") for number in range(count)]
    reported = []

    async def main():
        async with open_engine(tmp_path, network, on_outcome=reported.append) as running:
            return await ingest_files(running, [FileSource(name="s", urls=urls)])

    outcomes = asyncio.run(main())
    assert [outcome.url for outcome in outcomes] == urls
    assert sorted(outcome.url for outcome in reported) == sorted(urls)
    assert {outcome.kind for outcome in outcomes} == {Status.STORED}


def test_what_is_reported_is_known(site, network, tmp_path):
    """Whoever hears `stored` finds the object and its row in the index."""
    site.routes |= {"/a": Reply(b"a"), "/b": Reply(b"b")}
    found = []

    async def main():
        def look(outcome):
            known = running.index.lookup("s", [url_digest(outcome.url)])[url_digest(outcome.url)]
            found.append((tmp_path / outcome.path).is_file() and known.digest == outcome.digest)

        async with open_engine(tmp_path, network, on_outcome=look) as running:
            await ingest_files(running, [FileSource(name="s", urls=[site.url("/a"), site.url("/b")])])

    asyncio.run(main())
    assert found == [True, True]


def test_who_is_told_and_raises_ends_the_run(site, server, network, tmp_path):
    """Its error is raised, though not all has come; what has is settled."""
    site.routes["/a"] = Reply(b"a")
    patient = network.model_copy(update={"stall_timeout": 60})

    async def main():
        def tell(outcome):
            raise RuntimeError(outcome.kind)

        async with open_engine(tmp_path, patient, on_outcome=tell) as running:
            urls = [server.url("stall", size=1), site.url("/a")]
            await running.ingest([Item("s", url, patient) for url in urls])

    with pytest.raises(RuntimeError, match="stored"):
        asyncio.run(main())
    with open_store(tmp_path) as (_, index):
        assert [row.url for row in index.current("s")] == [site.url("/a")]


def test_a_slow_host_keeps_nobody_else_waiting(site, network, tmp_path):
    """Its items come first and wait for the other host's to be fetched."""
    arrived = threading.Event()
    with SampleSite({}) as other:
        other.routes["/fast"] = lambda _asked: arrived.set() or Reply(b"fast")
        slow = [f"/slow/{number}" for number in range(5)]
        site.routes |= dict.fromkeys(slow, lambda asked: Reply(asked.path.encode(), 200 if arrived.wait(10) else 500))
        limits = network.model_copy(update={"connections": 2, "connections_per_host": 1, "stall_timeout": 20})
        outcomes = ingest(tmp_path, limits, *map(site.url, slow), other.url("/fast"))
    assert {outcome.kind for outcome in outcomes} == {Status.STORED}


def test_nothing_is_asked_of_nobody(network, tmp_path):
    """No items, no outcomes."""

    async def main():
        async with open_engine(tmp_path, network) as running:
            return await running.ingest([])

    assert asyncio.run(main()) == []


# --- runs that end badly

RUN = """
import asyncio, json, resource, sys
from pathlib import Path
from airnub_core import FileSource, NetworkSettings, StoreError, ingest_files, open_engine

root, urls, largest_file = Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3])
if largest_file:
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

async def main():
    async with open_engine(root, NetworkSettings(allow_private_hosts=True, attempts=1)) as engine:
        return await ingest_files(engine, [FileSource(name="weather", urls=urls)])

try:
    outcomes = asyncio.run(main())
except StoreError as error:
    sys.exit(f"StoreError: {error}")
print(json.dumps([outcome.as_json() for outcome in outcomes]))
"""


def start(root, urls, largest_file=0):
    """Ingest in another process."""
    command = [sys.executable, "-W", "error", "-c", RUN, str(root), json.dumps(urls), str(largest_file)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_on_one_store(site, network, tmp_path):
    """They fetch the same URLs at the same time: every item has its outcome, every object is there once and whole."""
    site.routes |= {f"/{number}": Reply(b"%d" % (number // 2)) for number in range(60)}
    urls = [site.url(f"/{number}") for number in range(60)]
    processes = [start(tmp_path, urls), start(tmp_path, urls[::-1])]
    for process in processes:
        written, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        assert {item["outcome"] for item in json.loads(written)} <= {"stored", "unchanged"}
    result = verify(ContentStore(tmp_path))
    assert (result.objects, len(result.sound), result.damaged) == (30, 60, [])
    assert {outcome.kind for outcome in ingest(tmp_path, network, *urls)} == {Status.UNCHANGED}


def test_a_killed_run_leaves_nothing_half_written(site, network, tmp_path):
    """`kill -9` in the middle of a transfer: what is published is whole, and the next run stores the rest."""
    asked, over = threading.Event(), threading.Event()

    def never(_asked):
        asked.set()
        over.wait(30)
        return Reply(b"late")

    site.routes |= {"/a": Reply(b"a"), "/b": Reply(b"b"), "/slow": never}
    urls = [site.url(path) for path in ("/a", "/b", "/slow")]
    process = start(tmp_path, urls)
    assert asked.wait(30)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    over.set()
    assert len(list((tmp_path / ".airnub" / "staging").iterdir())) >= 1
    assert verify(ContentStore(tmp_path)).damaged == []
    site.routes["/slow"] = Reply(b"now")
    outcomes = ingest(tmp_path, network, *urls)
    assert {outcome.kind for outcome in outcomes} <= {Status.STORED, Status.UNCHANGED}
    assert verify(ContentStore(tmp_path)).damaged == []
    assert [path for path in (tmp_path / ".airnub" / "staging").iterdir() if path.is_dir()] == []


def test_a_disk_that_takes_no_more_fails_the_run(site, network, tmp_path):
    """As an error of the store; what arrived before is kept, and the next run does the rest."""
    site.routes |= {"/small": Reply(b"x"), "/large": Reply(bytes(2_000_000))}
    urls = [site.url("/small"), site.url("/large")]
    ingest(tmp_path, network, urls[0])
    process = start(tmp_path, urls, largest_file=1_000_000)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors.startswith("StoreError: ")) == (1, True), errors
    assert "File too large" in errors
    result = verify(ContentStore(tmp_path))
    assert (result.objects, result.damaged) == (1, [])
    assert not list((tmp_path / ".airnub" / "staging").glob("*/*"))
    assert [outcome.kind for outcome in ingest(tmp_path, network, urls[1])] == [Status.STORED]


def test_a_cancelled_run_keeps_what_arrived(site, network, tmp_path):
    """It is durable and known, and is not fetched again."""
    stuck = threading.Event()

    async def main():
        loop, waiting = asyncio.get_running_loop(), asyncio.Event()

        def never(_asked):
            loop.call_soon_threadsafe(waiting.set)
            stuck.wait(30)
            return Reply(b"late")

        site.routes |= {"/a": Reply(b"a"), "/slow": never}
        one_by_one = network.model_copy(update={"connections": 1})
        source = FileSource(name="weather", urls=[site.url("/a"), site.url("/slow")])
        async with open_engine(tmp_path, one_by_one) as running:
            task = asyncio.create_task(ingest_files(running, [source]))
            await waiting.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    stuck.set()
    assert [outcome.kind for outcome in ingest(tmp_path, network, site.url("/a"))] == [Status.UNCHANGED]


def test_a_store_that_fails_in_the_middle_fails_the_run(site, network, tmp_path):
    """One error, of the store and not a group; what went to other sources is kept."""
    site.routes |= {"/a": Reply(b"a"), "/b": Reply(b"b")}
    (tmp_path / "blocked").write_text("where the source's folder should be")

    async def main():
        async with open_engine(tmp_path, network.model_copy(update={"connections": 1})) as running:
            await ingest_files(running, [FileSource(name=name, urls=[site.url("/a")]) for name in ("free", "blocked")])

    with pytest.raises(StoreError, match="blocked") as error:
        asyncio.run(main())
    assert isinstance(error.value.__cause__, OSError)
    with open_store(tmp_path) as (_, index):
        assert len(index.current("free")) == 1


def test_an_object_made_from_others(site, network, tmp_path):
    """It has a manifest that names its parts, and no place of its own among the URLs that are asked."""
    site.routes["/a"] = Reply(b"part")
    item = Item("s", site.url("/a"), network)

    async def main():
        async with open_engine(tmp_path, network) as running:
            kinds = []
            for content in (b"1", b"1", b"2"):
                begun = running.begin(item, "made.txt")
                part = await running.get(item)
                made = running.keep(begun, content, "text/plain", [part])
                [outcome] = await running.commit([made], [part])
                kinds.append(outcome.kind)
            return kinds, outcome

    kinds, outcome = asyncio.run(main())
    assert kinds == [Status.STORED, Status.UNCHANGED, Status.UPDATED]
    manifest = Manifest.read(tmp_path / outcome.manifest)
    assert manifest.derived_from == (digest_of(b"part"),)
    assert manifest.url == f"{site.url('/a')}#made.txt"
    assert outcome.url == site.url("/a")


@pytest.mark.parametrize("body", [b"", "ä".encode(), bytes(range(256)) * 100])
def test_a_peek_stores_nothing(site, network, tmp_path, body):
    """The bytes, the headers, and where they came from."""
    site.routes |= {"/a": Reply(status=302, headers={"Location": "/b"}), "/b": Reply(body, headers={"X-A": quote("ä")})}

    async def main():
        async with open_engine(tmp_path, network) as running:
            return await running.peek(Item("s", site.url("/a"), network), 10**6)

    peeked = asyncio.run(main())
    assert (peeked.content, peeked.headers["x-a"], peeked.final_url) == (body, "%C3%A4", site.url("/b"))
    assert list(ContentStore(tmp_path).objects()) == []


# --- two runs at once


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def place(request, tmp_path):
    """A store with an index of each kind; in PostgreSQL every claim lapses at once."""
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        request.getfixturevalue("monkeypatch").setattr("airnub_core.store.index.postgres.LEASE_SECONDS", 0.0)
    return StoreLocation(tmp_path / "store", url)


def versions_of(place, url):
    """Every version of a URL, oldest first: its bytes, and when its manifest says that they were asked for."""
    with open_store(place) as (store, index):
        versions = index.versions("s", url_digest(url))
        [known] = index.current("s")
        assert (known.digest, known.changed_at) == (versions[-1].digest, versions[-1].seen_at)
        manifests = [store.manifest(version.manifest) for version in versions]
        times = [manifest.fetched_at.isoformat() for manifest in manifests]
        assert times == sorted(times) == [version.seen_at for version in versions]
        return [store.read(manifest.path, manifest.digest) for manifest in manifests]


@pytest.mark.parametrize("force", [False, True])
def test_a_run_that_ends_last_does_not_bring_old_bytes_back(site, raw_server, network, place, monkeypatch, force):
    """Run A has v1 in a batch that is not full, and waits for a slow file; meanwhile run B brings v2, and ends."""
    monkeypatch.setattr(commit, "_LONGEST_WAIT", 600.0)
    patient = network.model_copy(update={"stall_timeout": 120.0})
    go_on = threading.Event()

    def slowly(connection):
        go_on.wait(100)
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    raw_server.answer = slowly
    url = site.url("/a.csv")
    site.routes["/a.csv"] = Reply(b"v1")
    outcomes = []

    async def run(*urls):
        async with open_engine(place, patient, force=force) as engine:
            outcomes.append(await engine.ingest([Item("s", one, patient) for one in urls]))

    a = threading.Thread(target=lambda: asyncio.run(run(url, raw_server.url())))
    a.start()
    try:
        while not list((place.hidden / "staging").glob("*/*/*/*.manifest.json")):
            time.sleep(0.01)
        site.routes["/a.csv"] = Reply(b"v2")
        asyncio.run(run(url))
    finally:
        go_on.set()
        a.join()
    [b], [stored, _] = outcomes
    assert (b.digest, stored.digest) == (digest_of(b"v2"), digest_of(b"v1"))
    assert (b.kind, stored.kind) == (Status.STORED, Status.STORED)
    assert versions_of(place, url) == [b"v1", b"v2"]


@pytest.mark.parametrize("known", [False, True])
def test_an_answer_that_is_needed_to_go_on_is_as_old_as_its_request(site, network, place, known):
    """Run A asks for a page, goes on, and settles it when run B has asked for it too, and ended."""
    item = Item("s", site.url("/page"), network)

    async def run():
        async with open_engine(place, network) as a, open_engine(place, network) as b:
            if known:
                site.routes["/page"] = Reply(b"v0")
                await b.commit([await b.get(item)])
            site.routes["/page"] = Reply(b"v1")
            arrival = await a.get(item)
            site.routes["/page"] = Reply(b"v2")
            await b.commit([await b.get(item)])
            return await a.commit([arrival])

    [outcome] = asyncio.run(run())
    assert (outcome.kind, outcome.digest) == (Status.UPDATED if known else Status.STORED, digest_of(b"v1"))
    assert versions_of(place, item.url) == [b"v0"] * known + [b"v1", b"v2"]


def test_what_is_made_of_answers_is_as_old_as_the_last_of_them(site, network, place):
    """Run B made the same of newer ones, and ended before run A did."""
    page, item = Item("s", site.url("/page"), network), Item("s", site.url("/"), network)

    async def run():
        async with open_engine(place, network) as a, open_engine(place, network) as b:
            begun = a.begin(item, "x.jsonl")
            site.routes["/page"] = Reply(b"v1")
            of_a = await a.get(page)
            site.routes["/page"] = Reply(b"v2")
            of_b = await b.get(page)
            await b.commit([b.keep(b.begin(item, "x.jsonl"), b"of v2", "text/plain", [of_b])])
            await a.commit([a.keep(begun, b"of v1", "text/plain", [of_a])])

    asyncio.run(run())
    assert versions_of(place, f"{item.url}#x.jsonl") == [b"of v1", b"of v2"]


def test_commit_under_its_old_name(network, tmp_path):
    """It works for one version, with a warning."""

    async def run():
        async with open_engine(tmp_path, network) as engine:
            item = Item("s", "http://h/a", network)
            with pytest.warns(DeprecationWarning, match=r"Engine\.settle is called Engine\.commit now"):
                return await engine.settle([engine.keep(engine.begin(item, "a.csv"), b"a", "text/csv", ())])

    [outcome] = asyncio.run(run())
    assert outcome.kind is Status.STORED


def test_the_limits_of_a_host_count_for_files_and_single_requests_together(tmp_path, network, server):
    """While files are ingested, the page of an API waits for its turn among them."""
    limits = network.model_copy(update={"connections_per_host": 2, "stall_timeout": 20})

    async def main():
        async with open_engine(tmp_path, limits) as engine:
            files = [Item("files", server.url("held", until=2, seed=number), limits) for number in range(8)]
            pages = [Item("api", server.url("held", until=2, seed=100 + number), limits) for number in range(4)]
            ingesting = asyncio.create_task(engine.ingest(files))
            await asyncio.gather(*(engine.peek(page, 1000) for page in pages))
            return await ingesting

    outcomes = asyncio.run(main())
    assert {outcome.kind for outcome in outcomes} == {Status.STORED}
    assert server.busy.most == 2

"""Resuming: a large transfer that was cut is continued, in the same run or in a later one, and never from another file.

What is continued has 1 MiB at least, and an ETag by which its server can tell that the file is still the same.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest
from misbehaviours import compressed, content

from airnub_core import ContentStore, FileSource, Item, Kind, open_engine, verify
from airnub_core.errors import HttpStatusError, ItemError, TooLargeError, TransferTimeoutError, TruncatedBodyError
from airnub_core.store.manifest import Manifest

MIB = 1024 * 1024
SIZE, SENT = 4 * MIB + 12345, 2 * MIB + 777


@pytest.fixture
def cut(server):
    """The URL of a file that is cut at first; what its server does `then` with those who want the rest."""

    def url(**how):
        return server.url("cut", **{"size": SIZE, "sent": SENT} | how)

    return url


def continued(asked):
    """Whether a request asks for the rest of what its server calls `"v1"`, and has 1 MiB of it at least."""
    start = asked.start
    return start is not None and MIB <= start <= SENT and asked.headers.get("if-range") == '"v1"'


# --- in the same run


def test_a_cut_transfer_is_continued(server, cut, fetch):
    """The second attempt asks for the rest alone, if it is still the same file."""
    outcome, body = fetch(cut(), attempts=2)
    assert (outcome.kind, outcome.attempts, outcome.size, body) == (Kind.STORED, 2, SIZE, content(SIZE))
    first, second = server.asked
    assert first.start is None
    assert continued(second), second.headers


def test_nothing_is_left_of_it(cut, stored, leftovers):
    """Once it is whole."""
    stored(cut(), attempts=2)
    assert leftovers() == []


def test_it_may_be_cut_again_and_again(server, cut, fetch):
    """Each attempt goes on where the one before ended."""
    outcome, body = fetch(cut(size=4 * MIB, sent=MIB + 1000, times=3), attempts=4)
    assert (outcome.kind, outcome.attempts, body) == (Kind.STORED, 4, content(4 * MIB))
    starts = [asked.start for asked in server.asked]
    assert starts[0] is None
    assert starts[1:] == sorted(set(starts[1:]))
    assert len(starts) == 4


@pytest.mark.parametrize("first", ["reset_in_body", "stall_in_body"])
def test_however_it_was_cut(server, fetch, first):
    """By a reset or a stall, and not only by an early end."""

    def broken(talk, size, sent):
        if talk.number > 1:
            server.behaviours["whole"](talk, size=size)
            return
        talk.head(200, {"Content-Length": size, "ETag": '"v1"'})
        talk.send(content(size)[:sent])
        talk.pause(0.2)
        talk.reset() if first == "reset_in_body" else talk.stall()

    server.behaviours["broken"] = broken
    outcome, body = fetch(server.url("broken", size=SIZE, sent=SENT), attempts=2, stall_timeout=1)
    assert (outcome.kind, outcome.attempts, body) == (Kind.STORED, 2, content(SIZE))
    assert continued(server.asked[1]), server.asked[1].headers


def test_a_chunked_transfer_is_continued(server, cut, stored):
    """Though nobody had said how long it would be."""
    assert stored(cut(chunked=1), attempts=2) == content(SIZE)
    assert continued(server.asked[1]), server.asked[1].headers


def test_behind_a_redirect(server, cut, stored):
    """The rest is asked for by the same way."""
    url = server.url("redirect", to=cut())
    assert stored(url, attempts=2) == content(SIZE)
    assert continued(server.asked_for(cut())[1])


def test_a_new_version_is_continued(server, fetch, stored):
    """A known file has changed, and its new version is cut: what is continued is the new one."""
    url = server.url("versions")
    server.behaviours["versions"] = lambda talk: server.behaviours["whole"](talk, size=2 * MIB, seed=7, etag='"v0"')
    stored(url)
    numbers = iter(range(1, 10))

    def cut_once(talk):
        talk.number = next(numbers)
        server.behaviours["cut"](talk, size=SIZE, sent=SENT)

    server.behaviours["versions"] = cut_once
    outcome, body = fetch(url, attempts=2)
    assert (outcome.kind, outcome.attempts, body) == (Kind.UPDATED, 2, content(SIZE))
    assert server.asked[1].headers["if-none-match"] == '"v0"'
    assert continued(server.asked[2]), server.asked[2].headers


def test_the_manifest_is_that_of_the_whole(cut, fetch, tmp_path):
    """Neither the size nor the headers are those of a part."""
    outcome, _ = fetch(cut(), attempts=2)
    manifest = Manifest.read(tmp_path / outcome.manifest)
    assert (manifest.size, manifest.digest, manifest.headers["etag"]) == (SIZE, outcome.digest, '"v1"')
    assert manifest.headers.get("content-length") in {None, str(SIZE)}
    assert "content-range" not in manifest.headers


def test_the_next_run_knows_its_version(server, cut, fetch):
    """The ETag of a file that came in two parts is asked with like any other."""
    fetch(cut(), attempts=2)
    outcome, _ = fetch(cut(), attempts=1)
    assert server.asked[-1].headers["if-none-match"] == '"v1"'
    assert outcome.kind is Kind.UNCHANGED


# --- what is not continued


@pytest.mark.parametrize("etag", ["", 'W/"v1"'])
def test_a_file_without_a_strong_version(server, cut, stored, etag):
    """Nobody could say that the rest belongs to the start: all of it is asked for again."""
    assert stored(cut(etag=etag), attempts=2) == content(SIZE)
    assert [asked.start for asked in server.asked] == [None, None]
    assert "if-range" not in server.asked[1].headers


@pytest.mark.parametrize("etag", ["v1", '"größe"', '"a" "b"', '"a\tb"', '"' + "x" * 10_000 + '"'])
def test_a_version_that_cannot_be_sent_back(server, stored, etag):
    """An ETag that is none, or has other letters: the file comes whole, one way or the other."""
    server.behaviours["odd"] = lambda talk: server.behaviours["cut"](talk, size=SIZE, sent=SENT, etag=etag)
    assert stored(server.url("odd"), attempts=3) == content(SIZE)


def test_a_small_file(server, cut, stored):
    """What is below 1 MiB is sooner fetched than continued."""
    assert stored(cut(size=200_000, sent=100_000), attempts=2) == content(200_000)
    assert [asked.start for asked in server.asked] == [None, None]


def test_a_decoded_file(server, stored):
    """Its bytes are not those that a range counts: it comes whole, and right."""
    packed = compressed("gzip", content(SIZE))

    def encoded(talk):
        start = talk.asked.start or 0
        where = {"Content-Range": f"bytes {start}-{len(packed) - 1}/{len(packed)}"} if start else {}
        headers = {"Content-Encoding": "gzip", "ETag": '"v1"', "Content-Length": len(packed) - start}
        talk.head(206 if start else 200, headers | where)
        talk.send(packed[start:][: SENT if talk.number == 1 else None])

    server.behaviours["encoded_and_cut"] = encoded
    assert stored(server.url("encoded_and_cut"), attempts=3) == content(SIZE)


# --- what came in place of the rest

MISFITS = [
    "changed-unnoticed",
    "all-as-part",
    "all-named-part",
    "later",
    "earlier",
    "other-size",
    "larger",
    "no-content-range",
    "other-unit",
    "garbage",
    "multipart",
    "not-satisfiable",
    "packed",
    "unchanged",
]


@pytest.mark.parametrize("then", MISFITS)
def test_an_answer_that_does_not_fit_is_never_believed(server, cut, fetch, leftovers, then):
    """Another part, no part, the part of another file, or one that says nothing about itself: the next attempt asks for
    all of it, and what is stored is the file.
    """
    outcome, body = fetch(cut(then=then), attempts=4)
    assert (outcome.kind, body) == (Kind.STORED, content(SIZE)), str(outcome.error)
    assert leftovers() == []
    assert continued(server.asked[1]), server.asked[1].headers
    assert server.asked[-1].start is None


@pytest.mark.parametrize("then", MISFITS)
def test_an_answer_that_does_not_fit_is_never_kept(cut, fetch, files, then):
    """Also where it is the last attempt: then there is no file, or the right one."""
    outcome, body = fetch(cut(then=then), attempts=2)
    assert body == content(SIZE) if outcome.kind is Kind.STORED else files() == {}


@pytest.mark.parametrize(
    "named", ["{start}-{last}/²", "{start}-²/{size}", f"{{start}}-{{last}}/{'9' * 5000}", f"{{start}}-{'9' * 5000}/*"]
)
@pytest.mark.parametrize("rest", ["rest", "nothing"])
def test_a_part_of_odd_digits(server, fetch, named, rest, capfd):
    """Others than those of ASCII, or very many: the item comes whole or fails, and the run goes on."""

    def odd(talk):
        start = talk.asked.start
        if start is None:
            talk.head(200, {"Content-Length": SIZE, "ETag": '"v1"'})
            talk.send(content(SIZE)[: SENT if talk.number == 1 else None])
            return
        where = named.format(start=start, last=SIZE - 1, size=SIZE)
        body = content(SIZE)[start:] if rest == "rest" else b""
        talk.answer(206, {"Content-Range": f"bytes {where}", "ETag": '"v1"'}, body)

    server.behaviours["odd"] = odd
    outcome, body = fetch(server.url("odd"), attempts=2)
    assert body == content(SIZE) if outcome.kind is Kind.STORED else isinstance(outcome.error, ItemError)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize("then", ["right", "no-size", "without-etag", "at-most-a-mebibyte", "all"])
def test_an_answer_that_may_be_believed(server, cut, stored, leftovers, then):
    """The rest, though it does not say of how much, or of which version; a part of it; all of it from the start: the
    file is whole, and right.
    """
    assert stored(cut(then=then), attempts=5) == content(SIZE)
    assert leftovers() == []
    assert continued(server.asked[1]), server.asked[1].headers


def test_a_server_that_knows_no_ranges(server, cut, fetch):
    """It sends all of it: that is the file, at the second attempt."""
    outcome, body = fetch(cut(then="all"), attempts=2)
    assert (outcome.kind, outcome.attempts, body) == (Kind.STORED, 2, content(SIZE))
    assert len(server.asked) == 2


def test_a_file_that_changed_meanwhile(server, cut, fetch, tmp_path):
    """Its server sends all of the new one (RFC 9110, 13.1.5): nothing of the old one is in it."""
    outcome, body = fetch(cut(then="changed"), attempts=2)
    assert (outcome.kind, outcome.attempts, body) == (Kind.STORED, 2, content(SIZE, 1))
    assert Manifest.read(tmp_path / outcome.manifest).headers["etag"] == '"v2"'
    assert continued(server.asked[1]), server.asked[1].headers


def test_a_file_that_is_gone_meanwhile(cut, fails):
    """It fails as any file that is not there, and what had come of it is removed."""
    url = cut(then="gone")
    assert fails(url, HttpStatusError, attempts=3) == HttpStatusError(url, 404)


def test_the_limit_is_that_of_the_whole(cut, fails):
    """Two parts below the limit are too large together."""
    limit = 3 * MIB
    url = cut(chunked=1)
    assert fails(url, TooLargeError, attempts=3, max_bytes=limit) == TooLargeError(url, limit)


# --- in a later run


def test_what_came_is_kept_for_the_next_run(server, cut, fetch, files, leftovers):
    """The item fails, its object is not there, and the start of it is parked in the hidden folder."""
    url = cut()
    outcome, _ = fetch(url)
    assert outcome.error == TruncatedBodyError(url, SIZE, SENT)
    assert files() == {}
    assert any(MIB <= size <= SENT for size in leftovers())


def test_the_next_run_continues(server, cut, fetch, leftovers):
    """Its first request asks for the rest, and afterwards nothing is left of the part."""
    fetch(cut())
    outcome, body = fetch(cut())
    assert (outcome.kind, outcome.attempts, body) == (Kind.STORED, 1, content(SIZE))
    assert continued(server.asked[1]), server.asked[1].headers
    assert leftovers() == []


def test_run_after_run(server, cut, fetch):
    """What each brings is added to what is parked."""
    url = cut(size=4 * MIB, sent=MIB + 1000, times=3)
    kinds = [fetch(url)[0].kind for _ in range(4)]
    assert kinds == [Kind.FAILED, Kind.FAILED, Kind.FAILED, Kind.STORED]
    starts = [asked.start for asked in server.asked]
    assert starts[1:] == sorted(set(starts[1:]))


def test_a_file_that_changed_between_runs(server, cut, fetch, leftovers):
    """The new one is fetched whole, and what was parked of the old one is removed."""
    fetch(cut(then="changed"))
    outcome, body = fetch(cut(then="changed"))
    assert (outcome.kind, outcome.attempts, body) == (Kind.STORED, 1, content(SIZE, 1))
    assert continued(server.asked[1]), server.asked[1].headers
    assert leftovers() == []


@pytest.mark.parametrize("then", MISFITS)
def test_a_part_that_does_not_fit_in_a_later_run(cut, fetch, files, leftovers, then):
    """It is never believed; the right file comes with the next request for all of it."""
    url = cut(then=then)
    fetch(url)
    outcome, body = fetch(url, attempts=3)
    assert (outcome.kind, body) == (Kind.STORED, content(SIZE)), str(outcome.error)
    assert list(files().values()) == [content(SIZE)]
    assert leftovers() == []


@pytest.mark.parametrize("harm", ["cut", "grown", "emptied", "changed"])
def test_a_parked_file_that_was_damaged(cut, fetch, leftovers, tmp_path, harm):
    """By a crash or by hand: what is stored in the end is whole and right, or nothing is."""
    fetch(cut())
    assert leftovers()
    for path in (tmp_path / ".airnub").rglob("*"):
        if path.is_file() and path.stat().st_size >= MIB and "index" not in path.name:
            body = path.read_bytes()
            changed = {"cut": body[:1000], "grown": body + b"x" * SIZE, "emptied": b"", "changed": b"X" + body[1:]}
            path.write_bytes(changed[harm])
    outcome, body = fetch(cut(), attempts=3)
    if harm == "changed":
        # Nobody can know; but the object is what its digest says, and nothing else is claimed of it.
        assert verify(ContentStore(tmp_path)).damaged == []
    else:
        assert (outcome.kind, body) == (Kind.STORED, content(SIZE))


def test_two_sources_park_apart(server, cut, run, network, tmp_path):
    """The same URL in two sources: each continues its own."""
    sources = [FileSource(name=name, urls=[cut(times=2)]) for name in ("s", "t")]
    assert {outcome.kind for outcome in run(*sources, network=network)} == {Kind.FAILED}
    outcomes = run(*sources, network=network)
    assert {outcome.kind for outcome in outcomes} == {Kind.STORED}
    assert [(tmp_path / outcome.path).read_bytes() for outcome in outcomes] == [content(SIZE)] * 2
    assert all(continued(asked) for asked in server.asked[2:])


def test_what_stalled_is_kept(server, fetch):
    """A run that gave up waiting, and the next one goes on."""
    server.behaviours["stalling"] = lambda talk: server.behaviours["stall_in_body" if talk.number == 1 else "whole"](
        talk, size=SIZE, **({"sent": SENT} if talk.number == 1 else {})
    )
    url = server.url("stalling")
    assert isinstance(fetch(url, stall_timeout=0.5)[0].error, TransferTimeoutError)
    assert fetch(url)[1] == content(SIZE)
    assert continued(server.asked[1]), server.asked[1].headers


@pytest.mark.parametrize("how", [{"size": 200_000, "sent": 100_000}, {"etag": 'W/"v1"'}, {"etag": ""}])
def test_what_is_not_worth_it_is_not_kept(server, cut, fetch, leftovers, how):
    """Small parts, and those without a strong version."""
    fetch(cut(**how))
    assert leftovers() == []
    outcome, _ = fetch(cut(**how))
    assert (outcome.kind, server.asked[1].start) == (Kind.STORED, None)


# --- runs that end badly

# A process that was started in the background of a shell ignores SIGINT, and so do its children.
RUN = """
import asyncio, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
from airnub_core import FileSource, NetworkSettings, ingest_files, open_engine

async def main():
    network = NetworkSettings(allow_private_hosts=True, attempts=1)
    async with open_engine(Path(sys.argv[1]), network) as engine:
        await ingest_files(engine, [FileSource(name="s", urls=sys.argv[2:])])

asyncio.run(main())
"""


@pytest.mark.system
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_ended(server, fetch, tmp_path, leftovers, how):
    """By Ctrl-C, or killed in the middle of a file: the next run goes on there, and nothing is left."""
    size = 24 * MIB

    def slow_once(talk):
        if talk.number == 1:
            talk.head(200, {"Content-Length": size, "ETag": '"v1"'})
            talk.send(content(size)[: 16 * MIB])
            talk.stall()
        else:
            server.behaviours["whole"](talk, size=size)

    server.behaviours["slow_once"] = slow_once
    url = server.url("slow_once")
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path), url], stderr=subprocess.PIPE, start_new_session=True
    )
    try:
        for _ in range(600):
            if sum(leftovers()) >= 4 * MIB or process.poll() is not None:
                break
            time.sleep(0.05)
        assert sum(leftovers()) >= 4 * MIB
    finally:
        os.kill(process.pid, how)
        process.communicate(timeout=30)
    outcome, body = fetch(url)
    assert (outcome.kind, body) == (Kind.STORED, content(size))
    [again] = server.asked[1:]
    assert again.start is not None
    assert (again.start >= MIB, again.headers["if-range"]) == (True, '"v1"')
    assert leftovers() == []


def test_a_run_that_was_cancelled(server, network, tmp_path, run_engine, fetch, leftovers):
    """From inside: what has come of a large file is parked as well."""
    server.behaviours["stalling"] = lambda talk: server.behaviours["stall_in_body" if talk.number == 1 else "whole"](
        talk, size=SIZE, **({"sent": SENT} if talk.number == 1 else {})
    )
    url = server.url("stalling")
    patient = network.model_copy(update={"stall_timeout": 20})

    async def main():
        async with open_engine(tmp_path, patient) as engine:
            task = asyncio.create_task(engine.ingest([Item("s", url, patient)]))
            for _ in range(600):
                if sum(leftovers()) >= MIB:
                    break
                await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run_engine(main())
    outcome, body = fetch(url)
    assert (outcome.kind, body) == (Kind.STORED, content(SIZE))
    assert continued(server.asked[1]), server.asked[1].headers


def test_two_runs_do_not_continue_the_same_part(server, cut, fetch, tmp_path):
    """Two processes find one parked file: both end, and the object is there once and right."""
    fetch(cut(times=1))
    processes = [
        subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path), cut(times=1)], stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in processes] == [(b"", 0)] * 2
    result = verify(ContentStore(tmp_path))
    assert (result.objects, result.damaged) == (1, [])
    assert fetch(cut(times=1))[1] == content(SIZE)

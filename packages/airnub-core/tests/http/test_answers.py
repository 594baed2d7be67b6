"""Answers that bring no file: statuses, and what is no HTTP."""

import re

import pytest
from misbehaviours import content

from airnub_core import FileSource, Status
from airnub_core.errors import ConnectionFailedError, HttpStatusError, ItemError, ProtocolError, TransferTimeoutError
from airnub_core.http.limits import MAX_INTERIM
from airnub_core.store.manifest import Manifest


@pytest.mark.parametrize(
    "name",
    [
        "http-0.9",
        "ssh",
        "zeros",
        "unknown-version",
        "status-of-letters",
        "status-of-two-digits",
        "no-colon",
        "nul",
    ],
)
def test_what_is_no_http(server, fails, name):
    """Somebody else listens there: it is an error, and no file of the bytes that came."""
    fails(server.url("raw", name=name), ProtocolError)


@pytest.mark.parametrize("name", ["endless_headers", "endless_small_headers", "endless_status"])
def test_headers_without_an_end(server, fails, name):
    """They are cut off long before they fill the memory."""
    fails(server.url(name), ProtocolError, stall_timeout=20)


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 5\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/c",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
    ],
)
def test_a_connection_that_is_closed_within_the_headers(raw_server, fails, sent):
    """It is no empty file, though libcurl finds nothing wrong with it."""
    raw_server.answer = sent
    assert fails(raw_server.url("/a"), ConnectionFailedError).transient


def test_a_header_of_a_megabyte(server, fails):
    """No server that means well sends it."""
    fails(server.url("huge_header", size=1024 * 1024), ProtocolError)


def test_a_long_header(server, stored):
    """8 kB are in use."""
    assert stored(server.url("huge_header", size=8000)) == b"hello"


def test_answers_before_the_answer(server, fetch, tmp_path):
    """100 and 103 are passed over, and their headers are not those of the file."""
    outcome, body = fetch(server.url("informational"))
    assert (outcome.kind, body) == (Status.STORED, content(100))
    assert outcome.path.endswith("/informational")
    assert Manifest.read(tmp_path / outcome.manifest).headers["etag"] == '"v1"'


def test_as_many_interim_answers_as_are_taken(server, stored):
    """A server that is slow to answer may say so again and again."""
    assert stored(server.url("hints", count=MAX_INTERIM)) == content(100)


@pytest.mark.parametrize("count", [MAX_INTERIM + 1, 15_000, 0])
def test_more_interim_answers_than_are_taken(server, fails, count):
    """It fails whether an answer comes behind them or not; the message has what was expected, and what was found."""
    error = fails(server.url("hints", count=count), ProtocolError, stall_timeout=20)
    found = re.search(r"expected an HTTP response, found: ([0-9,]+) interim responses \(1xx\), of which", str(error))
    assert int(found[1].replace(",", "")) >= (count or MAX_INTERIM)


@pytest.mark.parametrize("name", [b"HTTP/1.1", b"HTTP/2 404", b"HTTP/evil"])
@pytest.mark.parametrize("body", [b"", b"fine"])
def test_a_header_that_looks_like_a_status(raw_server, stored, name, body):
    """The status is where it belongs, and nowhere else; also where no body makes anybody look."""
    raw_server.answer = b"HTTP/1.1 200 OK\r\n%b: x\r\nContent-Length: %d\r\n\r\n%b" % (name, len(body), body)
    assert stored(raw_server.url("/a")) == body


@pytest.mark.parametrize("trailer", [b"X: y", b"HTTP/evil: x", b"HTTP/1.1 404: x", b"ETag: late"])
@pytest.mark.parametrize("body", [b"", b"fine"])
def test_trailers_are_no_headers(raw_server, fetch, tmp_path, trailer, body):
    """They may come behind a chunked body (RFC 9110, 6.5), even behind an empty one."""
    chunks = b"%x\r\n%b\r\n0\r\n" % (len(body), body) if body else b"0\r\n"
    raw_server.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b%b\r\n\r\n" % (chunks, trailer)
    outcome, came = fetch(raw_server.url("/a"))
    assert (outcome.kind, came) == (Status.STORED, body), outcome.error
    assert Manifest.read(tmp_path / outcome.manifest).headers == {}


@pytest.mark.parametrize("length", [b"9" * 5000, b"0" * 5000 + b"4", b"\xb2", b"\xd9\xa4"])
def test_a_length_of_odd_digits(raw_server, fetch, length):
    """Very many, or others than those of ASCII: an error of the item, or the file; never of the run."""
    raw_server.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\nfine" % length
    outcome, body = fetch(raw_server.url("/a"))
    assert body == b"fine" if outcome.kind is Status.STORED else isinstance(outcome.error, ItemError)


def test_answers_before_the_answer_come_to_an_end(server, fails):
    """A server that never gets to its answer is given up."""
    fails(server.url("endless_informational"), ProtocolError, TransferTimeoutError, total_timeout=0.4)


def test_304_that_nobody_asked_for(server, fails):
    """Of a file that nobody knows, nothing can be unchanged."""
    url = server.url("unasked_304")
    assert fails(url, HttpStatusError) == HttpStatusError(url, 304)
    assert not {"if-none-match", "if-modified-since", "range"} & server.asked[0].headers.keys()


@pytest.mark.parametrize(
    "code", [201, 202, 203, 204, 205, 206, 226, 300, 302, 305, 400, 401, 403, 404, 410, 416, 418, 451, 499]
)
def test_statuses_that_do_not_heal(server, fails, code):
    """They are asked for once, however many attempts there are."""
    url = server.url("status", code=code)
    error = fails(url, HttpStatusError, attempts=3)
    assert (error, error.transient) == (HttpStatusError(url, code), False)
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504, 599])
def test_statuses_that_may_heal(server, fails, code):
    """The error says so."""
    url = server.url("status", code=code)
    error = fails(url, HttpStatusError)
    assert (error, error.transient) == (HttpStatusError(url, code), True)


@pytest.mark.parametrize("code", [600, 799, 999])
def test_statuses_that_nobody_knows(server, fails, code):
    """They have a number and no name."""
    error = fails(server.url("status", code=code), HttpStatusError, ProtocolError)
    assert isinstance(error, ProtocolError) or str(error).endswith(f"found {code}")


def test_a_protocol_that_nobody_wanted_to_switch_to(server, fails):
    """101 is no answer to a question that did not ask for it."""
    fails(server.url("status", code=101), ItemError, stall_timeout=0.2)


def test_a_file_that_is_another_one_each_time(server, fetch):
    """Each run brings the one of its time."""
    url = server.url("changing")
    ended = [fetch(url) for _ in range(3)]
    assert [outcome.kind for outcome, _ in ended] == [Status.STORED, Status.UPDATED, Status.UPDATED]
    assert [body for _, body in ended] == [content(100, number) for number in (1, 2, 3)]


# --- again


@pytest.mark.parametrize(
    "first",
    ["close", "reset", "reset_in_headers", "reset_in_body", "short", "stall", "stall_in_headers", "stall_in_body"],
)
def test_what_may_heal_is_asked_for_again(server, fetch, first):
    """A transfer that broke in any way, and then did not: one file, two attempts, nothing of the first."""
    more = {"sent": 20} if first in {"short", "stall_in_body"} else {}
    outcome, body = fetch(server.url("healing", first=first, **more), attempts=3, stall_timeout=0.2)
    assert (outcome.kind, outcome.attempts, body) == (Status.STORED, 2, content(100))
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("code", "form", "wait"), [(429, "seconds", 1), (503, "seconds", 1), (503, "date", 2)], ids=str
)
def test_a_server_that_asks_to_be_asked_later(server, fetch, code, form, wait):
    """It is asked again when it said, and not before."""
    outcome, body = fetch(server.url("busy", code=code, seconds=wait, form=form), attempts=2)
    assert (outcome.kind, outcome.attempts, body) == (Status.STORED, 2, content(100))
    first, second = (asked.at for asked in server.asked)
    assert second - first >= 1  # a date has no fractions of a second


def test_a_server_that_asks_for_too_long_a_wait(server, fails):
    """It is asked again by the next run: the item fails now, and the error says how long the server wants."""
    error = fails(server.url("status", code=503, retry_after=86400), HttpStatusError, attempts=3)
    assert (error.retry_after, error.transient, error.attempts) == (86400, True, 1)


@pytest.mark.parametrize("value", ["soon", "-5", "1.5", "9" * 5000])
def test_a_wait_that_is_none(server, fails, value):
    """Nonsense is as if it were not there, or is longer than anybody waits."""
    server.behaviours["later"] = lambda talk: talk.answer(503, {"Retry-After": value})
    assert fails(server.url("later"), HttpStatusError).status == 503


def test_waiting_for_one_holds_up_no_other(server, run, network):
    """While a file is waited for, the others of the same host are fetched."""
    urls = [server.url("busy", code=503, seconds=1), *(server.url("whole", size=10, seed=seed) for seed in range(10))]
    one_by_one = network.model_copy(update={"connections": 2, "connections_per_host": 2, "attempts": 2})
    outcomes = run(FileSource(name="s", urls=urls), network=one_by_one)
    assert {outcome.kind for outcome in outcomes} == {Status.STORED}
    assert server.asked[-1].path == "/busy"


def test_every_attempt_is_counted(server, fails):
    """In the error, in the message, and by the server."""
    error = fails(server.url("status", code=500), HttpStatusError, attempts=2)
    assert (error.attempts, len(server.asked)) == (2, 2)
    assert str(error).endswith("; gave up after 2 attempts")

"""Requests one at a time, against servers that keep the rules and servers that do not."""

import asyncio
import base64
import gzip
import random
import socket
import ssl
import struct
import subprocess
import threading
import zlib
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import brotli
import pytest
import zstandard
from answers import kind_of, requested
from misbehaviours import content

from airnub_core.errors import (
    ConnectionFailedError,
    ContentEncodingError,
    HttpStatusError,
    ProtocolError,
    RefusedAddressError,
    RefusedHeaderError,
    RefusedUrlError,
    StoreError,
    TlsError,
    TooLargeError,
    TooManyRedirectsError,
    TransferTimeoutError,
    TruncatedBodyError,
)
from airnub_core.http.client import Client
from airnub_core.http.fetcher import Fetcher
from airnub_core.http.limits import MAX_INTERIM
from airnub_core.sample_site import Reply, SampleSite
from airnub_core.store.clock import elapsed
from airnub_core.store.manifest import Manifest
from airnub_core.store.partials import Partials
from airnub_core.store.staging_folder import StagingFolder

MIB = 1024 * 1024
OK = b"HTTP/1.1 200 OK\r\n"
NUMBERS = count()


@asynccontextmanager
async def requesting(folder, connections=8):
    """Requests that are staged in a folder, and the folder."""
    with StagingFolder(folder / "staging") as staging:
        client = Client("tester/1", connections)
        requests = Fetcher(client, staging.folder, Partials(folder / "hidden"))
        try:
            yield requests, staging
        finally:
            client.close()
            requests.close()


def job(url, limits, headers=None, validators=None):
    """What is asked for."""
    known = validators or {}
    etag, modified = known.get("if-none-match"), known.get("if-modified-since")
    return requested(url, limits=limits, headers=headers or {}, etag=etag, last_modified=modified, number=next(NUMBERS))


def received(result):
    """What came of it: the status, and what the manifest says."""
    if kind_of(result) == "unchanged":
        return SimpleNamespace(status=304, headers=result.headers, sent_at=result.sent_at), None
    staged = result.staged
    manifest = Manifest.read(Path(staged.folder, f"{staged.file_name}.manifest.json"))
    came = SimpleNamespace(status=200, headers=result.headers, final_url=manifest.final_url, sent_at=result.sent_at)
    return came, Path(staged.folder, staged.file_name).read_bytes()


@pytest.fixture
def fetch(tmp_path, network):
    """Fetch one URL; the answer and its body. Nothing of a transfer that failed may be left."""

    def one(url, *, headers=None, validators=None, **limits):
        async def main():
            async with requesting(tmp_path) as (requests, _):
                known = network.model_copy(update=limits).limits()
                return received(await requests.fetch(job(url, known, headers, validators)))

        result = asyncio.run(main())
        assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "lock"]
        return result

    return one


def failing(fetch, kind, url, **options):
    """The error of a transfer that must fail."""
    with pytest.raises(kind) as error:
        fetch(url, **options)
    return error.value


def test_a_body_comes_as_it_is(site, fetch):
    """Bytes, headers in lower case, and who asked."""
    site.routes["/a"] = Reply(b"\0\xff", headers={"Content-Type": "application/x", "X-Twice": "1"})
    came, content = fetch(site.url("/a"))
    assert (came.status, came.final_url, content) == (200, site.url("/a"), b"\0\xff")
    assert came.headers["content-type"] == "application/x"
    assert site.asked[0].headers["user-agent"] == "tester/1"
    assert site.asked[0].headers["accept-encoding"] == "identity"


def test_an_empty_body_is_a_body(site, fetch):
    """Nothing is something that can be fetched."""
    site.routes["/a"] = Reply(b"")
    assert fetch(site.url("/a"))[1] == b""


def test_304_has_no_body(site, fetch):
    """What is asked with validators may be unchanged."""
    site.routes["/a"] = Reply(b"x", headers={"ETag": '"1"'})
    came, content = fetch(site.url("/a"), validators={"if-none-match": '"1"'})
    assert (came.status, content) == (304, None)


def test_304_that_nobody_asked_for_is_an_error(site, fetch):
    """Without validators there is nothing that could be unchanged."""
    site.routes["/a"] = Reply(status=304)
    assert failing(fetch, HttpStatusError, site.url("/a")) == HttpStatusError(site.url("/a"), 304)


@pytest.mark.parametrize(
    ("status", "transient"),
    [
        (204, False),
        (206, False),
        (401, False),
        (404, False),
        (410, False),
        (429, True),
        (500, True),
        (503, True),
        (599, True),
    ],
)
def test_other_statuses_are_errors(site, fetch, status, transient):
    """Each says whether a retry may help."""
    site.routes["/a"] = Reply(status=status)
    error = failing(fetch, HttpStatusError, site.url("/a"))
    assert (error.status, error.transient) == (status, transient)


def test_a_status_that_nobody_knows_is_an_error(raw_server, fetch):
    """799 has no name."""
    raw_server.answer = b"HTTP/1.1 799 What\r\nContent-Length: 0\r\n\r\n"
    assert str(failing(fetch, HttpStatusError, raw_server.url())).endswith("expected status 200, found 799")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120.0), ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0), ("9" * 5000, float("inf")), ("?", None)],
)
def test_retry_after_is_read(site, fetch, value, seconds):
    """In both forms; nonsense is as if it were not there."""
    site.routes["/a"] = Reply(status=503, headers={"Retry-After": value})
    assert failing(fetch, HttpStatusError, site.url("/a")).retry_after == seconds


# --- redirects


def test_a_redirect_is_followed(site, fetch):
    """Relative and absolute; where it ended is known."""
    site.routes |= {
        "/a": Reply(status=302, headers={"Location": "dir/b?x=1"}),
        "/dir/b": Reply(status=308, headers={"Location": site.url("/c")}),
        "/c": Reply(b"here"),
    }
    came, content = fetch(site.url("/a"))
    assert (came.final_url, content) == (site.url("/c"), b"here")


def test_when_the_request_was_sent_is_known(site, raw_server, fetch):
    """The one that was answered, after every redirect, for bytes and for 304."""
    redirected = []

    def redirect(connection):
        redirected.append(elapsed())
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {site.url('/a')}\r\nContent-Length: 0\r\n\r\n".encode())

    raw_server.answer = redirect
    site.routes["/a"] = Reply(b"here", headers={"ETag": '"1"'})
    for validators in ({}, {"if-none-match": '"1"'}):
        came, content = fetch(raw_server.url(), validators=validators)
        assert redirected[-1] < datetime.fromisoformat(came.sent_at).timestamp() < elapsed()
    assert content is None


def test_a_redirect_loop_ends(site, fetch):
    """After ten redirects it is an error; the eleventh request was the last."""
    site.routes["/a"] = Reply(status=301, headers={"Location": "/a"})
    assert failing(fetch, TooManyRedirectsError, site.url("/a")) == TooManyRedirectsError(site.url("/a"), 10)
    assert len(site.asked) == 11


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "javascript:alert(1)",
        "http://[bad/",
        "http://h:99999/",
        "http://" + "a" * 70 + ".invalid/",
        "http://a\\b/",
    ],
)
def test_a_redirect_elsewhere_is_refused(site, fetch, target):
    """Only http and https, and only what can be read as a URL with a host; the error is not worth a retry."""
    site.routes["/a"] = Reply(status=302, headers={"Location": target})
    error = failing(fetch, RefusedUrlError, site.url("/a"))
    assert error.url == site.url("/a")
    assert not error.transient


def test_a_secret_in_a_redirect_is_not_told(site, fetch):
    """The target is redacted, also where a quote stands in it."""
    site.routes["/a"] = Reply(status=302, headers={"Location": "ftp://me:pass@h/x?q='&token=secret"})
    message = str(failing(fetch, RefusedUrlError, site.url("/a")))
    assert "secret" not in message
    assert "pass" not in message


def test_a_redirect_without_a_target_is_an_error(site, fetch):
    """There is nowhere to go."""
    site.routes["/a"] = Reply(status=302)
    assert failing(fetch, HttpStatusError, site.url("/a")).status == 302


def test_headers_of_the_source_go_to_its_own_origin_only(site, fetch):
    """A redirect to another port takes no secret along, and does not bring it back; the validators go everywhere."""
    with SampleSite({}) as other:
        site.routes |= {
            "/a": Reply(status=302, headers={"Location": "/b"}),
            "/b": Reply(status=302, headers={"Location": other.url("/c")}),
            "/d": Reply(b"done"),
        }
        other.routes["/c"] = Reply(status=302, headers={"Location": site.url("/d")})
        fetch(site.url("/a"), headers={"authorization": "Bearer secret"}, validators={"if-none-match": '"x"'})
        here = [asked.headers.get("authorization") for asked in site.asked]
        assert here == ["Bearer secret", "Bearer secret", None]
        assert "secret" not in str(other.asked)
        assert other.asked[0].headers["if-none-match"] == '"x"'


def test_a_password_in_the_url_is_sent_to_its_host_only(site, fetch):
    """As Basic authentication, and not to where it redirects."""
    with SampleSite({"/b": Reply(b"x")}) as other:
        site.routes["/a"] = Reply(status=302, headers={"Location": other.url("/b")})
        came, _ = fetch(site.url("/a").replace("://", "://me:secret@"))
        credentials = base64.b64encode(b"me:secret").decode()
        assert site.asked[0].headers["authorization"] == f"Basic {credentials}"
        assert "authorization" not in other.asked[0].headers
        assert came.final_url == other.url("/b")


def test_a_cookie_lives_as_long_as_its_transfer(site, tmp_path, network):
    """What a redirect sets is shown to its target, and to no request afterwards."""
    site.routes |= {
        "/a": Reply(status=302, headers={"Location": "/b", "Set-Cookie": "session=1; Path=/"}),
        "/b": Reply(b"x", headers={"Set-Cookie": "more=2; Path=/"}),
    }

    async def main():
        async with requesting(tmp_path) as (requests, _):
            for path in ("/a", "/b"):
                await requests.fetch(job(site.url(path), network.limits()))

    asyncio.run(main())
    assert [asked.headers.get("cookie") for asked in site.asked] == [None, "session=1", None]


def test_a_cookie_that_cannot_be_sent_back_is_left_out(raw_server, fetch):
    """One with control characters; the others are kept, those in other letters too, as browsers do."""
    cookies = "".join(f"Set-Cookie: {cookie}\r\n" for cookie in ("a=größe", "b=\x7f", "c=3"))
    answers = iter([f"HTTP/1.1 302 Found\r\nLocation: /b\r\n{cookies}\r\n".encode(), OK + b"\r\nx"])
    raw_server.answer = lambda connection: connection.sendall(next(answers))
    assert fetch(raw_server.url())[1] == b"x"
    assert "\r\nCookie: c=3; a=größe\r\n".encode() in raw_server.asked[1]


# --- headers that cannot be sent


def test_space_around_a_secret_is_left_out(site, fetch):
    """A secret out of a file ends with a line."""
    site.routes["/a"] = Reply(b"x")
    fetch(site.url("/a"), headers={"authorization": "Bearer abc\n"})
    assert site.asked[0].headers["authorization"] == "Bearer abc"


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer s3cret\r\nX-Injected: 1"},
        {"authorization": "s3cret-\u00e4"},
        {"authorization": "s3cret\0"},
        {"bad name": "s3cret"},
        {"": "s3cret"},
        {"x\r\ny": "s3cret"},
    ],
)
def test_a_header_that_cannot_be_sent_is_an_error(site, fetch, headers):
    """It names the header, never its value; nothing is sent."""
    error = failing(fetch, RefusedHeaderError, site.url("/a"), headers=headers)
    assert error.header in headers
    assert "s3cret" not in str(error) + repr(error)
    assert site.asked == []


# --- addresses


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "me@127.0.0.1"]
)
def test_loopback_is_refused(raw_server, fetch, host):
    """In every form, and before a connection is opened."""
    port = raw_server.url().rpartition(":")[2]
    failing(fetch, RefusedAddressError, f"http://{host}:{port}", allow_private_hosts=False)
    assert raw_server.asked == []


@pytest.mark.parametrize("host", ["0177.0.0.1", "127.0.0.1%2f", "127.0.0.1\0", "\uff11\uff12\uff17.0.0.1"])
def test_odd_writings_of_loopback_are_refused(raw_server, fetch, host):
    """One way or the other, and before a connection is opened."""
    port = raw_server.url().rpartition(":")[2]
    failing(fetch, (RefusedAddressError, RefusedUrlError), f"http://{host}:{port}", allow_private_hosts=False)
    assert raw_server.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h/",
        "http://",
        "http://[bad/",
        "http://h:port/",
        "x",
        "",
        "http://" + "a" * 70000,
        "http://a\nb/",
        "http://" + "a" * 70 + ".invalid/",
        "http://a..b/",
    ],
)
def test_what_is_no_url_is_refused(fetch, url):
    """Whatever is wrong with it, it is one kind of error, and not worth a retry."""
    assert not failing(fetch, RefusedUrlError, url).transient


def test_a_url_with_odd_characters_is_asked_for(site, fetch):
    """Spaces and letters are encoded on the way, what is encoded is left alone."""
    site.routes["/a%20b/%C3%A4%2F"] = Reply(b"x")
    assert fetch(site.url("/a b/ä%2F?q=ä&r=[]|#part"))[1] == b"x"


# --- limits


def test_a_file_of_the_largest_size_is_fetched(site, fetch):
    """The limit itself is allowed."""
    site.routes["/a"] = Reply(b"x" * 1000)
    assert len(fetch(site.url("/a"), max_bytes=1000)[1]) == 1000


@pytest.mark.parametrize("length", ["1001", "9" * 18])
def test_a_length_above_the_limit_is_refused_at_once(raw_server, fetch, length):
    """Not a byte of the body is waited for."""
    raw_server.answer = lambda connection: (
        connection.sendall(OK + b"Content-Length: %s\r\n\r\n" % length.encode()),
        raw_server.over.wait(),
    )
    failing(fetch, TooLargeError, raw_server.url(), max_bytes=1000, stall_timeout=60)


@pytest.mark.parametrize("length", ["9" * 5000, "1, 2", "-1", "+5", "0x5", "\u00b2"])
def test_a_length_that_is_no_length_is_an_error(raw_server, fetch, length):
    """5,000 digits, a sign, or two different ones."""
    raw_server.answer = OK + b"Content-Length: %s\r\n\r\nx" % length.encode("latin-1")
    failing(fetch, (ProtocolError, TooLargeError), raw_server.url())


def endless(start, chunk):
    """Talk until nobody listens."""

    def talk(connection):
        connection.sendall(start)
        while True:
            connection.sendall(chunk)

    return talk


@pytest.mark.parametrize(
    ("headers", "chunk"),
    [(b"\r\n", b"x" * 65536), (b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n")],
)
def test_an_endless_body_is_cut_off_at_the_limit(raw_server, fetch, headers, chunk):
    """With no length to read, bytes are counted."""
    raw_server.answer = endless(OK + headers, chunk)
    failing(fetch, TooLargeError, raw_server.url(), max_bytes=MIB)


HINT = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
LONG_BODY = OK + b"Content-Length: 200000\r\n\r\n" + b"\r\n" * 100_000


@pytest.mark.parametrize("interim", [0, 1, MAX_INTERIM])
def test_interim_answers_are_passed_over(raw_server, fetch, interim):
    """As many as are taken; empty lines of a body are none."""
    raw_server.answer = HINT * interim + LONG_BODY
    _, content = fetch(raw_server.url())
    assert content == b"\r\n" * 100_000


@pytest.mark.parametrize("private", [True, False])
def test_endless_interim_answers_are_an_error(raw_server, fetch, private, monkeypatch):
    """The HTTP library would read them until the time is up."""
    if not private:
        # A proxy may be on loopback, and what it connects to is its own affair.
        monkeypatch.setenv("HTTP_PROXY", raw_server.url())
    raw_server.answer = endless(HINT, HINT * 100)
    url = raw_server.url() if private else "http://example.com/"
    error = failing(fetch, ProtocolError, url, allow_private_hosts=private, stall_timeout=60)
    assert "interim responses (1xx), of which at most 1,000 are allowed" in str(error)


def test_endless_headers_are_an_error(raw_server, fetch):
    """They are cut off by the HTTP library."""
    raw_server.answer = endless(OK, b"X-Padding: " + b"x" * 1000 + b"\r\n")
    failing(fetch, ProtocolError, raw_server.url())


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        ("gzip", lambda content: gzip.compress(content, 1)),
        ("br", lambda content: brotli.compress(content, quality=1)),
        ("zstd", zstandard.compress),
        ("gzip, gzip", lambda content: gzip.compress(gzip.compress(content, 1))),
    ],
)
def test_a_compressed_bomb_is_cut_off_at_the_limit(site, fetch, encoding, compress):
    """What counts is what it decodes to."""
    site.routes["/a"] = Reply(compress(bytes(64 * MIB)), headers={"Content-Encoding": encoding})
    failing(fetch, TooLargeError, site.url("/a"), max_bytes=MIB)


def test_a_stalled_body_is_a_timeout(raw_server, fetch):
    """A server that stops in the middle is given up, and the error names the setting."""
    raw_server.answer = lambda connection: (
        connection.sendall(OK + b"Content-Length: 10\r\n\r\nabc"),
        raw_server.over.wait(),
    )
    error = failing(fetch, TransferTimeoutError, raw_server.url(), stall_timeout=0.2)
    assert (error.limit, error.seconds, error.transient) == ("stall_timeout", 0.2, True)


def test_a_server_that_says_nothing_is_a_timeout(raw_server, fetch):
    """It took the connection, and that was all."""
    raw_server.answer = lambda _connection: raw_server.over.wait()
    assert failing(fetch, TransferTimeoutError, raw_server.url(), stall_timeout=0.2).limit == "stall_timeout"


def test_a_trickle_is_cut_off_by_the_total_time(raw_server, fetch):
    """A byte now and then does not stall, but has to come to an end."""

    def trickle(connection):
        connection.sendall(OK + b"\r\n")
        while not raw_server.over.wait(0.02):
            connection.sendall(b"x")

    raw_server.answer = trickle
    error = failing(fetch, TransferTimeoutError, raw_server.url(), stall_timeout=5, total_timeout=0.3)
    assert error.limit == "total_timeout"


# --- bodies that are not whole


def reset(connection):
    """Close as if the cable was cut."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize(
    ("answer", "expected", "received"),
    [
        (OK + b"Content-Length: 48219\r\n\r\n17 bytes and then", 48219, 17),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", None, 5),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel", None, 3),
    ],
)
def test_a_body_that_ends_early_is_an_error(raw_server, fetch, answer, expected, received):
    """It says how much was promised and how much came, and may heal."""
    raw_server.answer = answer
    error = failing(fetch, TruncatedBodyError, raw_server.url())
    assert error == TruncatedBodyError(raw_server.url(), expected, received)
    assert error.transient


def test_a_reset_connection_is_an_error(raw_server, fetch):
    """In the middle of the body, or before the answer."""
    raw_server.answer = lambda connection: (
        connection.sendall(OK + b"Content-Length: 10\r\n\r\nabc"),
        reset(connection),
    )
    failing(fetch, (TruncatedBodyError, ConnectionFailedError), raw_server.url())
    raw_server.answer = reset
    assert failing(fetch, ConnectionFailedError, raw_server.url()).transient


@pytest.mark.parametrize(
    "chunks", [b"zz\r\nhello\r\n", b"5\r\nhelloXX5\r\n", b"-5\r\nhello\r\n", b"F" * 30 + b"\r\nhello\r\n"]
)
def test_bad_chunking_is_an_error(raw_server, fetch, chunks):
    """It breaks HTTP's rules, which is another thing than an early end."""
    raw_server.answer = OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    failing(fetch, ProtocolError, raw_server.url())


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\0" * 100,
        b"HTTP/1.1 abc OK\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        OK + b"X: a\0b\r\n\r\n",
    ],
)
def test_what_is_no_http_is_an_error(raw_server, fetch, answer):
    """Somebody else listens there."""
    raw_server.answer = answer
    failing(fetch, (ProtocolError, ConnectionFailedError), raw_server.url())


def test_a_closed_connection_is_an_error(raw_server, fetch):
    """The server took the request and went away."""
    assert failing(fetch, ConnectionFailedError, raw_server.url()).transient


def test_a_port_that_nobody_listens_on(fetch, unused_port):
    """The system's own word is in the message."""
    assert failing(fetch, ConnectionFailedError, f"http://127.0.0.1:{unused_port}/").transient


def test_a_server_without_tls_is_an_error(site, fetch):
    """An https URL to an http server: no body, and no error of the wrong kind."""
    failing(fetch, (ConnectionFailedError, TlsError), site.url("/a").replace("http:", "https:"))


def test_the_end_of_the_connection_ends_a_body_without_length(raw_server, fetch):
    """As HTTP/1.0 has it."""
    raw_server.answer = b"HTTP/1.0 200 OK\r\n\r\nall of it"
    assert fetch(raw_server.url())[1] == b"all of it"


# --- Content-Encoding


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("X-GZip", gzip.compress),
        ("deflate", zlib.compress),
        ("br", brotli.compress),
        ("zstd", zstandard.compress),
        ("identity", bytes),
        ("deflate, gzip", lambda content: gzip.compress(zlib.compress(content))),
    ],
)
def test_an_encoded_body_is_decoded(site, fetch, encoding, encode):
    """Identity was asked for; what comes all the same is decoded."""
    content = random.Random(1).randbytes(300_000)
    site.routes["/a.csv"] = Reply(encode(content), headers={"Content-Encoding": encoding})
    assert fetch(site.url("/a.csv"))[1] == content


@pytest.mark.parametrize("path", ["/a.csv.gz", "/a.TGZ"])
def test_a_gz_file_stays_as_sent(site, fetch, path):
    """Servers name the compression of a .gz file as its encoding; the file is meant."""
    content = gzip.compress(b"a,b\n")
    site.routes[path] = Reply(content, headers={"Content-Encoding": "gzip"})
    assert fetch(site.url(path))[1] == content


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b"no gzip"),
        ("gzip", gzip.compress(b"x" * 1000)[:-5]),
        ("br", b"\xff" * 50),
        ("secret-sauce", b"x"),
        ("gzip,gzip,gzip", b"x"),
    ],
)
def test_a_body_that_is_not_of_its_encoding_is_an_error(site, fetch, encoding, body):
    """Also when only its end is missing; a retry does not help."""
    site.routes["/a"] = Reply(body, headers={"Content-Encoding": encoding})
    error = failing(fetch, ContentEncodingError, site.url("/a"))
    assert error == ContentEncodingError(site.url("/a"), encoding)
    assert not error.transient


def test_a_disk_that_takes_nothing(site, tmp_path, network):
    """What the store cannot do is no fault of the item; the next request has the same error."""
    site.routes["/a"] = Reply(b"x")

    async def main():
        async with requesting(tmp_path) as (requests, staging):
            await requests.fetch(job(site.url("/a"), network.limits()))
            (staging.folder / "single" / "2").write_bytes(b"in the way")
            await requests.fetch(job(site.url("/a"), network.limits()))

    with pytest.raises(StoreError):
        asyncio.run(main())


def test_private_and_public_connections_are_apart(site, tmp_path, network):
    """A connection that one source may have is not lent to another that may not."""
    site.routes["/a"] = Reply(b"x")

    async def main():
        async with requesting(tmp_path) as (requests, _):
            await requests.fetch(job(site.url("/a"), network.limits()))
            await requests.fetch(job(site.url("/a"), network.limits()._replace(allow_private_hosts=False)))

    with pytest.raises(RefusedAddressError):
        asyncio.run(main())
    assert len(site.asked) == 1


# --- attempts, turns and ends


def test_what_may_heal_is_asked_again(site, fetch):
    """And the error says how often."""
    answers = iter([Reply(status=503), Reply(status=503), Reply(b"fine")])
    site.routes["/a"] = lambda _asked: next(answers)
    assert fetch(site.url("/a"), attempts=3)[1] == b"fine"
    site.routes["/b"] = Reply(status=503)
    assert failing(fetch, HttpStatusError, site.url("/b"), attempts=2).attempts == 2
    assert len(site.asked) == 5


def test_what_cannot_heal_is_asked_once(site, fetch):
    """A missing page is missing."""
    assert failing(fetch, HttpStatusError, site.url("/none"), attempts=4).attempts == 1
    assert len(site.asked) == 1


def test_those_who_ask_at_the_same_time_take_turns(server, tmp_path, network):
    """Within the limits of their host."""
    limits = network.limits()._replace(connections_per_host=2)

    async def main():
        async with requesting(tmp_path) as (requests, _):
            urls = [server.url("held", until=2, seed=number) for number in range(6)]
            await asyncio.gather(*(requests.fetch(job(url, limits)) for url in urls))

    asyncio.run(main())
    assert server.busy.most == 2


def test_a_request_that_is_cancelled_leaves_its_turn(server, site, tmp_path, network):
    """Waiting, on its way or coming; and nothing of it is left."""
    limits = network.limits()._replace(connections=1, connections_per_host=1, stall_timeout=60)
    site.routes["/a"] = Reply(b"fine")

    async def main():
        async with requesting(tmp_path, connections=1) as (requests, _):
            slow = [server.url("stall_in_body", size=4 * MIB, sent=2 * MIB), server.url("stall")]
            tasks = [asyncio.create_task(requests.fetch(job(url, limits))) for url in slow]
            await asyncio.to_thread(server.busy.reached, 1)
            for task in reversed(tasks):
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
            return received(await requests.fetch(job(site.url("/a"), limits)))[1]

    assert asyncio.run(main()) == b"fine"
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "lock"]


# --- bodies in memory


@pytest.fixture
def peek(tmp_path, network):
    """What is at a URL, in memory."""

    def one(url, *, cuts=False, **limits):
        async def main():
            async with requesting(tmp_path) as (requests, _):
                return await requests.peek(job(url, network.model_copy(update=limits).limits()), cuts=cuts)

        return asyncio.run(main())

    return one


def test_a_peek_leaves_nothing(site, peek, tmp_path):
    """Bytes, headers, and where they came from."""
    site.routes |= {"/a": Reply(status=302, headers={"Location": "/b"}), "/b": Reply(b"fine", headers={"X-A": "1"})}
    peeked = peek(site.url("/a"))
    assert (peeked.content, peeked.headers["x-a"], peeked.final_url) == (b"fine", "1", site.url("/b"))
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "lock"]


@pytest.mark.parametrize("size", [99, 100, 101, 1_000_000])
@pytest.mark.parametrize("has_length", [True, False])
def test_a_body_is_cut_where_that_is_wanted(raw_server, peek, size, has_length):
    """At its limit, to the byte; a body of the limit's size or less is whole."""
    length = b"Content-Length: %d\r\n" % size if has_length else b""
    raw_server.answer = OK + length + b"\r\n" + b"x" * size
    assert peek(raw_server.url(), cuts=True, max_bytes=100).content == b"x" * min(size, 100)
    if size > 100:
        with pytest.raises(TooLargeError):
            peek(raw_server.url(), max_bytes=100)


def test_what_is_large_is_resumed_in_memory(server, peek):
    """By the next attempt, from where it was cut."""
    peeked = peek(server.url("cut", size=4 * MIB, sent=2 * MIB), attempts=3)
    assert peeked.content == content(4 * MIB)
    assert server.asked[1].start == 2 * MIB


def test_what_is_large_is_resumed_by_the_next_run(server, tmp_path, network):
    """Of an answer that is stored, as of a file; what was in memory alone is not said to be kept."""
    url, other = (server.url("cut", size=4 * MIB, sent=2 * MIB, etag=f'"{number}"') for number in range(2))

    async def main(work):
        async with requesting(tmp_path) as (requests, _):
            return await work(requests)

    with pytest.raises(TruncatedBodyError) as error:
        asyncio.run(main(lambda requests: requests.peek(job(other, network.limits()))))
    assert error.value.kept == 0
    with pytest.raises(TruncatedBodyError) as error:
        asyncio.run(main(lambda requests: requests.fetch(job(url, network.limits()))))
    kept = error.value.kept
    assert kept >= MIB

    async def again(requests):
        return received(await requests.fetch(job(url, network.limits())))[1]

    assert asyncio.run(main(again)) == content(4 * MIB)
    assert server.asked[-1].start == kept


# --- TLS


@pytest.fixture
def tls_server(tmp_path_factory):
    """A server on loopback with a certificate of its own making; it asks for one of the client when it is told to."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    names = [
        "-subj",
        "/CN=loopback",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    try:
        subprocess.run([*command, *names], check=True, capture_output=True)
    except OSError:
        pytest.skip("openssl is not installed")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        with suppress(OSError):
            connection, _ = listening.accept()
            with connection, context.wrap_socket(connection, server_side=True) as encrypted:
                encrypted.recv(65536)
                encrypted.sendall(OK + b"Content-Length: 4\r\n\r\nsafe")

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"https://127.0.0.1:{listening.getsockname()[1]}/", certificate, context
    with suppress(OSError):
        listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


def test_a_certificate_that_nobody_knows_is_refused(tls_server, fetch):
    """It will not be trusted the next time either."""
    assert not failing(fetch, TlsError, tls_server[0]).transient


def test_a_certificate_that_is_trusted(tls_server, fetch, monkeypatch):
    """The usual variable names it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_server[1]))
    assert fetch(tls_server[0])[1] == b"safe"


def test_a_server_that_wants_a_certificate_of_ours(tls_server, fetch, monkeypatch):
    """TLS 1.3 says so after the handshake: it is an error of the item, and not taken for one of the disk."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_server[1]))
    tls_server[2].verify_mode = ssl.CERT_REQUIRED
    failing(fetch, (TlsError, ConnectionFailedError), tls_server[0])

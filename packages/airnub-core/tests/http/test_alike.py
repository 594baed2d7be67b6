"""One client: what holds for a file holds for the answer of an API, a page and `Engine.client`, in the same words."""

import asyncio
import base64
import json
import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import httpx
import pycurl
import pytest
from certificates import Certificates
from misbehaving import MisbehavingServer, cut_handshake, never_read, reset_at_once
from misbehaviours import content

from airnub_core import ApiSource, Item, open_engine
from airnub_core.errors import (
    ConnectionFailedError,
    ContentEncodingError,
    HttpStatusError,
    IngestError,
    ItemError,
    ProtocolError,
    RefusedAddressError,
    RefusedUrlError,
    TlsError,
    TooLargeError,
    TooManyRedirectsError,
    TransferTimeoutError,
    TruncatedBodyError,
)
from airnub_core.http import retry
from airnub_core.http.curl_handle import CurlHandle

WAYS = ["file", "api", "page", "client"]
MIB = 1024 * 1024
NAME = "harmless.example"
LOOPBACK = [
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0x7f.0.0.1", "0177.0.0.1", "0177.1"),
    *(
        "017700000001",
        "127.0.0.1.",
        "127.255.255.254",
        "0.0.0.0",
        "0",
        "localhost",
        "LocalHost.",
        "a.localhost",
        "[::1]",
    ),
    *("[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[0:0:0:0:0:0:0:1]", "[64:ff9b::7f00:1]"),
    *("[2002:7f00:1::]", "user@127.0.0.1", "example.org@127.0.0.1", "user:pw@localhost", "\uff11\uff12\uff17.0.0.1"),
    *("127\u30020\u30020\u30021", "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3"),
]
"""Spellings of this machine."""
PRIVATE = [
    "10.0.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "[fd00:ec2::254]",
    "metadata.google.internal",
]


@pytest.fixture(params=WAYS)
def way(request):
    """One of the four."""
    return request.param


async def by_file(engine, item):
    """Through `ingest`, from the store."""
    [outcome] = await engine.ingest([item])
    if outcome.error is not None:
        raise outcome.error
    return engine.store.read(outcome.path, outcome.digest)


async def by_api(engine, item):
    """Through `get`, staged."""
    return (await engine.read(await engine.get(item)))[1]


async def by_page(engine, item):
    """Through `peek`, in memory."""
    return (await engine.peek(item, 2**62)).content


async def by_client(engine, item):
    """Through httpx; what is no 200 is an error here, as for the others."""
    source = SimpleNamespace(
        name=item.source,
        home=item.url,
        network=lambda _department: item.network,
        request_headers=lambda _: item.headers,
    )
    async with engine.client(source) as client:
        try:
            answer = await client.get(item.url)
        except httpx.InvalidURL as error:  # httpx reads URLs too, and some not at all
            raise RefusedUrlError(item.url, str(error)) from error
        except httpx.RequestError as error:
            if isinstance(error.__cause__, IngestError):
                raise error.__cause__ from None
            raise
    if answer.status_code != 200:
        raise HttpStatusError(item.url, answer.status_code, attempts=answer.extensions["attempts"])
    return answer.content


BY = {"file": by_file, "api": by_api, "page": by_page, "client": by_client}


@pytest.fixture
def ask(tmp_path, network):
    """Ask for URLs at once, in one of the ways; of each its bytes, or its error."""

    def all_of(way, *urls, headers=None, **limits):
        limited = network.model_copy(update=limits)

        async def one(engine, url):
            try:
                return await BY[way](engine, Item("s", url, limited, headers or {}))
            except ItemError as error:
                return error

        async def main():
            async with open_engine(tmp_path / way, limited) as engine:
                if way == "file" and len(urls) > 1:
                    outcomes = await engine.ingest([Item("s", url, limited, headers or {}) for url in urls])
                    return [o.error or engine.store.read(o.path, o.digest) for o in outcomes]
                return await asyncio.gather(*(one(engine, url) for url in urls))

        return asyncio.run(main())

    return all_of


@pytest.fixture
def get(ask, way):
    """Ask for one URL in this test's way: its bytes, or the error."""
    return lambda url, **options: ask(way, url, **options)[0]


# --- 1. what is refused


def test_private_hosts_are_refused(ask, way, server):
    """In about thirty spellings, before a connection is opened."""
    urls = [f"http://{host}:{server.port}/told" for host in (*LOOPBACK, *PRIVATE)]
    errors = ask(way, *urls, allow_private_hosts=False, attempts=3)
    kinds = RefusedAddressError | RefusedUrlError if way == "client" else RefusedAddressError
    assert [url for url, error in zip(urls, errors, strict=True) if not isinstance(error, kinds)] == []
    assert all(error.attempts == 1 for error in errors)
    assert server.accepted == 0


def test_a_redirect_to_a_private_host_is_refused(ask, way, serve):
    """Though its first host is allowed."""
    near, far = serve(host="127.0.0.2"), serve()
    urls = [near.url("redirect", to=f"http://{host}:{far.port}/told") for host in (*LOOPBACK, *PRIVATE)]
    errors = ask(way, *urls, allow_private_hosts=("127.0.0.2",))
    assert [url for url, error in zip(urls, errors, strict=True) if not isinstance(error, RefusedAddressError)] == []
    assert far.accepted == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.169.254"])
def test_a_name_that_resolves_to_a_private_address_is_refused(get, server, monkeypatch, address):
    """The address that is connected to decides; the name is put into libcurl's own table."""
    start = CurlHandle.start

    def resolving(handle, transfer):
        handle.curl.setopt(pycurl.RESOLVE, [f"{NAME}:{server.port}:{address}"])
        start(handle, transfer)

    monkeypatch.setattr(CurlHandle, "start", resolving)
    error = get(f"http://{NAME}:{server.port}/told", allow_private_hosts=False)
    assert isinstance(error, RefusedAddressError)
    assert (error.host, error.address) == (NAME, address.strip("[]"))
    assert server.accepted == 0


def test_other_urls_are_refused(ask, way, server):
    """Ports that do not exist, other schemes, no host; at first and by a redirect."""
    wrong = [
        "http://127.0.0.1:0/",
        "http://127.0.0.1:65536/",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "http://a..b/",
    ]
    errors = ask(way, *wrong, *(server.url("redirect", to=url) for url in wrong))
    assert [type(error) for error in errors] == [RefusedUrlError] * len(errors)
    assert len(server.asked) == len(wrong)


# --- 2. certificates and proxies


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Of an authority that only these tests know."""
    try:
        return Certificates(tmp_path_factory.mktemp("certificates"))
    except FileNotFoundError:
        pytest.skip("openssl is not installed")


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_the_environment_names(get, serve, certificates, tmp_path, monkeypatch, variable):
    """A file, or a folder of files that are named by their hashes."""
    secure = serve(context=certificates.context("good"))
    assert isinstance(get(secure.url("told")), TlsError)
    if variable == "SSL_CERT_DIR":
        command = ["openssl", "x509", "-hash", "-noout", "-in", str(certificates.authority)]
        name = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        folder = tmp_path / "trusted"
        folder.mkdir()
        (folder / f"{name}.0").write_bytes(certificates.authority.read_bytes())
        monkeypatch.setenv(variable, str(folder))
    else:
        monkeypatch.setenv(variable, str(certificates.authority))
    assert get(secure.url("told")) == b"fine"


@pytest.mark.parametrize("kind", ["expired", "elsewhere", "self-signed"])
def test_a_certificate_that_is_wrong(get, serve, certificates, monkeypatch, kind):
    """Nothing is asked, and it is not tried again."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    secure = serve(context=certificates.context(kind))
    error = get(secure.url("told"), attempts=3)
    assert isinstance(error, TlsError)
    assert (secure.asked, secure.accepted) == ([], 1)


def test_a_proxy_of_the_environment(get, monkeypatch):
    """It resolves names; loopback behind it is refused."""
    proxy = MisbehavingServer({"file": lambda talk: talk.answer(body=b"through the proxy")})
    try:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        assert get("http://files.invalid/file", allow_private_hosts=False) == b"through the proxy"
        assert isinstance(get("http://127.0.0.1/file", allow_private_hosts=False), RefusedAddressError)
        assert [asked.target for asked in proxy.asked] == ["http://files.invalid/file"]
    finally:
        proxy.close()


# --- 3. credentials


def test_an_authorization_header_wins_over_a_user_in_the_url(get, server):
    """Without a header user and password are sent."""
    url = server.url("told").replace("://", "://me:pw@")
    assert get(url) == b"fine"
    assert get(url + "?text=b", headers={"authorization": "Bearer x"}) == b"b"
    basic = f"Basic {base64.b64encode(b'me:pw').decode()}"
    assert [asked.headers["authorization"] for asked in server.asked] == [basic, "Bearer x"]


def test_nothing_of_the_source_reaches_another_origin(get, recording):
    """Neither a header nor a cookie nor a credential; nor does a header come back to the first one."""
    other = recording(lambda _asked: (302, {"Location": server.url("/end"), "Set-Cookie": "theirs=2; Path=/"}, b""))

    def answer(asked):
        if asked.target == "/start":
            return 302, {"Location": other.url("/on"), "Set-Cookie": "ours=1; Path=/"}, b""
        return 200, {}, b"fine"

    server = recording(answer)
    headers = {"authorization": "Bearer s3cret", "x-key": "s3cret", "cookie": "mine=s3cret"}
    assert get(server.url("/start"), headers=headers) == b"fine"
    first, last = server.asked
    assert (first.header("authorization"), first.header("x-key"), first.header("cookie")) == (
        "Bearer s3cret",
        "s3cret",
        "mine=s3cret",
    )
    assert (last.header("authorization"), last.header("x-key"), last.header("cookie")) == (None, None, "ours=1")
    [elsewhere] = other.asked
    assert "s3cret" not in str(elsewhere)
    assert elsewhere.header("cookie") is None
    again = recording(lambda _asked: (302, {"Location": other.url("/on")}, b""))
    assert get(again.url("/x").replace("://", "://me:s3cret@")) == b"fine"
    assert "s3cret" not in str(other.asked[1])
    assert other.asked[1].header("authorization") is None


# --- 4. cookies and redirects


def test_a_sign_on_portal(get, recording):
    """A cookie that is set before a redirect to another host is there again behind it, on either side."""

    def sign_in(asked):
        known = {} if asked.header("cookie") else {"Set-Cookie": "portal=p; Path=/"}
        target = server.url("/data") if asked.header("cookie") else portal.url("/consent")
        return 302, {"Location": target} | known, b""

    def data(asked):
        if asked.header("cookie") is None:
            return 302, {"Location": portal.url("/login"), "Set-Cookie": "session=s; Path=/"}, b""
        return 200, {}, asked.header("cookie").encode()

    portal, server = recording(sign_in), recording(data)
    assert get(server.url("/data")) == b"session=s"
    assert [asked.header("cookie") for asked in portal.asked] == [None, "portal=p"]


def test_the_number_of_redirects_is_a_setting(get, server):
    """Ten by default; another number for one source."""
    chain = [server.url("redirect_chain", left=left) for left in range(13)]
    assert get(chain[10]) == content(100)
    assert get(chain[11]) == TooManyRedirectsError(chain[11], 10)
    assert get(chain[12], max_redirects=12) == content(100)
    assert get(chain[3], max_redirects=2) == TooManyRedirectsError(chain[3], 2)
    assert get(chain[1], max_redirects=0) == TooManyRedirectsError(chain[1], 0)


# --- 5. what max_bytes counts


def test_the_limit_is_that_of_the_wanted_body(get, recording, monkeypatch):
    """An error with a larger body is that error, and asked again where that helps; a redirect is one."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    for size in (20_000, 3_000_000):
        answers = iter([(503, {}, b"x" * size), (302, {"Location": "/end"}, b"x" * size), (200, {}, b"fine")])
        server = recording(lambda _asked, answers=answers: next(answers))
        assert get(server.url(), max_bytes=10_000, attempts=2) == b"fine"
        missing = recording(lambda _asked, size=size: (404, {}, b"x" * size))
        assert get(missing.url(), max_bytes=10_000, attempts=2) == HttpStatusError(missing.url(), 404)
    large = recording(lambda _asked: (200, {}, b"x" * 10_001))
    assert get(large.url(), max_bytes=10_000) == TooLargeError(large.url(), 10_000)
    assert get(large.url(), max_bytes=10_001) == b"x" * 10_001


def test_the_body_of_a_redirect_may_be_endless(get, recording):
    """It is cut off, and where it leads to is asked."""

    def endless():
        while True:
            yield bytes(65536)

    server = recording(
        lambda asked: (200, {}, b"fine") if asked.target == "/end" else (302, {"Location": "end"}, endless())
    )
    assert get(server.url("/a"), max_bytes=10_000) == b"fine"


# --- 6. pace


def test_the_rate_holds_for_redirects(get, server):
    """Each is a request to its host."""
    assert get(server.url("redirect_chain", left=4), requests_per_second_per_host=5) == content(100)
    times = [asked.at for asked in server.asked]
    assert len(times) == 5
    assert times[-1] - times[0] >= 0.7  # 4 / 5, less what a busy machine hands over late


def test_connections_of_a_host_hold_for_redirects(ask, way, server, serve):
    """Also for those that come from another host."""
    other = serve()
    held = [server.url("held", until=2, seed=number) for number in range(6)]
    urls = [other.url("redirect", to=url) for url in held]
    answers = ask(way, *urls, connections_per_host=2, stall_timeout=20)
    assert [len(answer) for answer in answers] == [100] * 6
    assert server.busy.most == 2


# --- 7. attempts and words


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504, 599])
def test_a_status_that_may_heal_is_asked_again(get, recording, monkeypatch, code):
    """And then it is well."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    answers = iter([(code, {}, b""), (code, {}, b""), (200, {}, b"fine")])
    server = recording(lambda _asked: next(answers))
    assert get(server.url(), attempts=3) == b"fine"


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 418])
def test_a_status_that_does_not_heal_is_asked_once(get, recording, code):
    """It will be the same the next time."""
    server = recording(lambda _asked: (code, {}, b""))
    assert get(server.url(), attempts=3) == HttpStatusError(server.url(), code)
    assert len(server.asked) == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_server_says_when_to_come_back(get, server, form):
    """In either form it is the least that is waited."""
    assert get(server.url("busy", code=503, seconds=2, form=form), attempts=2) == content(100)
    first, second = (asked.at for asked in server.asked)
    assert second - first >= (2 if form == "seconds" else 0.9)


def test_a_server_that_asks_for_too_long_a_wait_is_left(get, server):
    """To the next run."""
    url = server.url("busy", code=503, seconds=3600)
    assert isinstance(get(url, attempts=3), HttpStatusError)
    assert len(server.asked) == 1


def test_the_same_errors_have_the_same_words(ask, serve, monkeypatch, unused_port):
    """In all four ways, and after the same number of attempts."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    server = serve()
    urls = [
        server.url("status", code=404),
        server.url("status", code=503),
        server.url("short", size=100, sent=17),
        server.url("short_chunked", sent=17),
        server.url("redirect_loop"),
        server.url("redirect", to="ftp://me:pw@h/?token=s3cret"),
        server.url("misnamed", encoding="gzip"),
        server.url("close"),
        server.url("promise", size=10**9),
        server.url("stall"),
        f"http://127.0.0.1:{unused_port}/",
        "http://me:pw@127.0.0.1:0/?token=s3cret",
    ]
    words = {}
    for way in WAYS:
        errors = ask(way, *urls, attempts=2, max_bytes=100_000, stall_timeout=0.5)
        assert all(isinstance(error, ItemError) for error in errors)
        words[way] = [(type(error), str(error), error.attempts) for error in errors]
        assert "s3cret" not in str(words[way])
    assert words["api"] == words["file"]
    assert words["page"] == words["file"]
    assert words["client"] == words["file"]


# --- 9. bad servers


@pytest.mark.parametrize(
    ("behaviour", "parameters", "kinds"),
    [
        ("bomb", {"encoding": "gzip", "size": 5_000_000}, TooLargeError),
        ("bomb", {"encoding": "br", "size": 5_000_000}, TooLargeError),
        ("bomb", {"encoding": "zstd", "size": 5_000_000}, TooLargeError),
        ("bomb", {"encoding": "gzip,gzip", "size": 5_000_000}, TooLargeError),
        ("endless", {}, TooLargeError),
        ("endless_chunked", {}, TooLargeError),
        ("endless_headers", {}, (ProtocolError, TransferTimeoutError)),
        ("endless_informational", {}, (ProtocolError, TransferTimeoutError)),
        ("misnamed", {"encoding": "br"}, ContentEncodingError),
        ("short", {"size": 100, "sent": 17}, TruncatedBodyError),
        ("short_chunked", {"sent": 17}, TruncatedBodyError),
        ("stall", {}, TransferTimeoutError),
        ("stall_in_headers", {}, TransferTimeoutError),
        ("stall_in_body", {"size": 100, "sent": 17}, TransferTimeoutError),
        ("drip", {"size": 10_000}, TransferTimeoutError),
        ("reset", {}, ConnectionFailedError),
        ("reset_in_headers", {}, (ConnectionFailedError, ProtocolError)),
        ("reset_in_body", {}, (ConnectionFailedError, TruncatedBodyError)),
        ("close", {}, ConnectionFailedError),
        ("raw", {"name": "ssh"}, ProtocolError),
        ("both_lengths", {}, None),
        ("unasked_304", {}, HttpStatusError),
    ],
)
def test_a_server_that_misbehaves(get, server, behaviour, parameters, kinds):
    """It ends within the limits, with an error of its kind."""
    found = get(server.url(behaviour, **parameters), max_bytes=50_000, stall_timeout=0.5, total_timeout=3)
    assert isinstance(found, kinds or (ItemError, bytes)), repr(found)


@pytest.mark.parametrize("greet", [never_read, reset_at_once, cut_handshake])
def test_a_connection_that_is_half_open(get, serve, greet):
    """The server takes it, and does not speak HTTP."""
    found = get(serve(greet=greet).url("told"), stall_timeout=0.5, total_timeout=3)
    assert isinstance(found, ConnectionFailedError | TransferTimeoutError | ProtocolError), repr(found)


@pytest.mark.parametrize("chunks", [b"zz\r\nhello\r\n", b"5\r\nhelloXX5\r\n", b"-5\r\nhello\r\n"])
def test_bad_chunks(get, raw_server, chunks):
    """They break the rules of HTTP."""
    raw_server.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    assert isinstance(get(raw_server.url()), ProtocolError)


def test_what_is_large_is_resumed(get, server, monkeypatch):
    """From the byte at which it was cut."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    assert get(server.url("cut", size=4 * MIB, sent=2 * MIB), attempts=2) == content(4 * MIB)
    assert server.asked[1].start == 2 * MIB


def test_what_is_large_and_has_changed_is_fetched_afresh(ask, server, monkeypatch):
    """Where nothing of it was handed over; a stream of which something was is an error then."""
    monkeypatch.setattr(retry, "FIRST_WAIT", 0.01)
    for way in WAYS:
        url = server.url("cut", size=4 * MIB, sent=2 * MIB, then="changed", etag=f'"{way}"')
        [found] = ask(way, url, attempts=3)
        if way == "client":
            assert isinstance(found, ItemError)
        else:
            assert isinstance(found, bytes)
            assert len(found) == 4 * MIB


# --- and what the sources above them make of it


def test_a_json_answer_of_a_source_keeps_the_rules(run, recording):
    """A source's own headers, over the same client."""
    server = recording(lambda asked: (200, {}, json.dumps({"key": asked.header("x-key")}).encode()))
    [outcome] = run(ApiSource(name="s", url=server.url(), headers={"X-Key": "k"}))
    assert outcome.error is None
    assert server.asked[0].header("accept") == "*/*"
    assert os.sep not in Path(outcome.path).name

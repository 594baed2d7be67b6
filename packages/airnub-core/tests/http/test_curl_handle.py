"""Curl handles. What a name resolves to is put into libcurl itself, so that no resolver is asked."""

import socket
from time import monotonic, sleep

import pycurl
import pytest

from airnub_core.errors import (
    HttpStatusError,
    ItemError,
    RefusedAddressError,
    TooLargeError,
)
from airnub_core.http import curl_handle
from airnub_core.http.curl_handle import CurlHandle
from airnub_core.http.proxies import proxies_of_environment

NAME = "harmless.example"


@pytest.fixture
def handle():
    """Makes a handle."""
    made = []

    def make():
        made.append(CurlHandle("test", proxies_of_environment()))
        return made[-1]

    yield make
    for one in made:
        one.curl.close()


def resolve(handle, server, *addresses):
    """Let the name have these addresses from now on; they are asked without a proxy."""
    entries = [f"-{NAME}:{server.port}", f"{NAME}:{server.port}:{','.join(addresses)}"]
    handle.curl.setopt(pycurl.RESOLVE, entries)


@pytest.fixture
def started(new_transfer):
    """A transfer whose first attempt begins now."""

    def start(job):
        transfer = new_transfer(job)
        transfer.started = monotonic()
        return transfer

    return start


@pytest.fixture
def ask(started):
    """Ask once; where it sends on to."""

    def once(handle, job):
        code, words = 0, ""
        handle.start(started(job))
        try:
            handle.curl.perform()
        except pycurl.error as error:
            code, words = error.args
        try:
            return handle.end(code, words)
        finally:
            del handle.reader, handle.transfer

    return once


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["[::1]", "127.0.0.1"], ["10.0.0.1"], ["169.254.169.254"], ["[::ffff:127.0.0.1]"]]
)
def test_the_address_that_is_connected_to_decides(handle, job, server, addresses, ask):
    """A harmless name with private addresses is refused before a connection, and the error says which."""
    refusing = handle()
    resolve(refusing, server, *addresses)
    with pytest.raises(RefusedAddressError) as error:
        ask(refusing, job(f"http://{NAME}:{server.port}/told", allow_private_hosts=False))
    assert error.value.host == NAME
    assert error.value.address in {address.strip("[]") for address in addresses}
    assert server.accepted == 0


def test_a_name_whose_addresses_change_is_judged_anew(handle, job, server, ask, started):
    """Each connection is; what a name resolved to a moment before is nothing to go by."""
    allowing, refusing = handle(), handle()
    for one in (allowing, refusing):
        resolve(one, server, "127.0.0.1")
    allowing.start(started(job(f"http://{NAME}:{server.port}/told")))
    allowing.curl.perform()
    assert allowing.end(0, "") is None
    assert allowing.reader.body.content() == b"fine"
    del allowing.reader, allowing.transfer
    with pytest.raises(RefusedAddressError):
        ask(refusing, job(f"http://{NAME}:{server.port}/told", allow_private_hosts=False))
    resolve(refusing, server, "127.0.0.2")
    with pytest.raises(RefusedAddressError) as error:
        ask(refusing, job(f"http://{NAME}:{server.port}/told", allow_private_hosts=("127.0.0.1",)))
    assert error.value.address == "127.0.0.2"
    assert server.accepted == 1


@pytest.mark.parametrize(
    ("family", "place", "public"),
    [
        (socket.AF_INET, ("93.184.216.34", 80), True),
        (socket.AF_INET, (b"93.184.216.34", 80), True),
        (socket.AF_INET6, ("2606:2800:220:1:248:1893:25c8:1946", 80, 0, 0), True),
        (socket.AF_INET, ("127.0.0.1", 80), False),
        (socket.AF_INET, ("168.63.129.16", 80), False),
        (socket.AF_INET6, ("::1", 80, 0, 0), False),
        (socket.AF_INET6, ("fe80::1%eth0", 80, 0, 0), False),
        (socket.AF_INET6, ("::ffff:10.0.0.1", 80, 0, 0), False),
    ],
)
def test_a_socket_is_opened_for_public_addresses_alone(handle, job, family, place, public, started):
    """Libcurl asks for one before it connects, and connects to nothing without."""
    if family == socket.AF_INET6 and not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    asking = handle()
    asking.start(started(job(f"http://{NAME}/", allow_private_hosts=False)))
    opened = asking._open_socket(pycurl.SOCKTYPE_IPCXN, (family, socket.SOCK_STREAM, 6, place))
    if not public:
        assert opened == pycurl.SOCKET_BAD
        return
    assert (opened.family, opened.type) == (family, socket.SOCK_STREAM)
    opened.close()


def test_a_kept_connection_is_not_lent_to_a_source_that_may_not(handle, job, server, ask):
    """No socket is opened for it: what is asked is whom the connection goes to. Both handles have one pool."""
    shared = pycurl.CurlShare()
    shared.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_CONNECT)
    allowing, refusing = handle(), handle()
    for one in (allowing, refusing):
        one.curl.setopt(pycurl.SHARE, shared)
        resolve(one, server, "127.0.0.1")
    url = f"http://{NAME}:{server.port}/told"
    assert ask(allowing, job(url)) is None
    with pytest.raises(RefusedAddressError) as error:
        ask(refusing, job(url, allow_private_hosts=("10.0.0.0/8",)))
    assert error.value.address == "127.0.0.1"
    assert len(server.asked) == 1
    for one in (allowing, refusing):
        one.curl.unsetopt(pycurl.SHARE)


@pytest.mark.parametrize("allowed", [True, (NAME,), ("0.0.0.0/0", "::/0")])
@pytest.mark.parametrize("address", ["169.254.169.254", "169.254.170.2", "100.100.100.200", "[fd00:ec2::254]"])
def test_no_socket_is_opened_to_a_metadata_service(handle, job, server, allowed, address, ask):
    """Whatever is allowed: the name resolves to it, and libcurl gets no socket for it."""
    refusing = handle()
    resolve(refusing, server, address)
    with pytest.raises(RefusedAddressError, match="metadata service of a cloud") as error:
        ask(refusing, job(f"http://{NAME}:{server.port}/told", allow_private_hosts=allowed))
    assert error.value.address == address.strip("[]")


@pytest.mark.parametrize(
    ("allowed", "address", "is_allowed"),
    [
        (True, "127.0.0.2", True),
        ((NAME,), "127.0.0.1", True),
        (("127.0.0.2/31",), "127.0.0.3", True),
        (("127.0.0.2/31",), "127.0.0.1", False),
        (("other.example",), "127.0.0.1", False),
        ((), "127.0.0.1", False),
    ],
)
def test_a_list_decides_at_the_connection(handle, job, serve, allowed, address, is_allowed, ask):
    """A listed name may have any private address, an address of a listed network any name."""
    server = serve(host=address)
    asking = handle()
    resolve(asking, server, address)
    wanted = job(f"http://{NAME}:{server.port}/told", allow_private_hosts=allowed)
    if is_allowed:
        assert ask(asking, wanted) is None
        assert len(server.asked) == 1
        return
    with pytest.raises(RefusedAddressError, match=f"add {NAME} to|set allow_private_hosts: .{NAME}."):
        ask(asking, wanted)
    assert server.accepted == 0


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://localhost/", False),
        ("http://2130706433/", False),
        ("http://localhost/", ("intranet.example",)),
        ("http://127.0.0.1/", ("127.0.0.2", "localhost")),
        ("http://169.254.169.254/", True),
        ("http://169.254.1.1/", True),
        ("http://0xa9fea9fe/", ("0.0.0.0/0",)),
        ("http://metadata.google.internal/", ("0.0.0.0/0",)),
    ],
)
def test_a_name_that_says_it_is_private_is_refused_before_anything(handle, job, url, allowed, started):
    """No resolver is asked."""
    with pytest.raises(RefusedAddressError):
        handle().start(started(job(url, allow_private_hosts=allowed)))


def test_a_handle_is_used_again(handle, job, server, ask):
    """Headers, limits and cookies of one transfer are none of the next one's."""
    again = handle()
    with pytest.raises(TooLargeError):
        ask(again, job(server.url("whole", size=1000), headers={"x-key": "s3cret"}, etag='"0"', max_bytes=10))
    ask(again, job(server.url("redirect", to=server.url("told"), cookie="a=b")))
    with pytest.raises(HttpStatusError):
        ask(again, job(server.url("missing")))
    first, _, last = server.asked
    assert (first.headers["x-key"], first.headers["if-none-match"]) == ("s3cret", '"0"')
    assert {"x-key", "if-none-match", "cookie"} & set(last.headers) == set()
    assert (last.headers["user-agent"], last.headers["accept-encoding"]) == ("test", "identity")


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\n",
        b"HTTP/1.1 103 Early Hints\r\nSet-Cookie: a=b; Path=/\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_cookies_that_libcurl_took_from_elsewhere(handle, job, raw_server, sent, ask):
    """From an interim answer, or from headers without an end: the next transfer's server is not shown them either."""
    again = handle()
    raw_server.answer = sent
    for _ in range(2):
        with pytest.raises(ItemError):
            ask(again, job(raw_server.url("/")))
    assert [b"cookie" in asked.lower() for asked in raw_server.asked] == [False, False]


def test_cookies_are_cleared_where_there_are_any(handle, job, server, started):
    """Whatever libcurl says that it holds when the transfer is over."""
    again = handle()
    url = server.url("redirect", to=server.url("told"), cookie="a=b")
    again.start(started(job(url)))
    again.curl.perform()
    assert again.curl.getinfo(pycurl.INFO_COOKIELIST)
    again.end(0, "")
    assert len(again.transfer.cookies) == 1
    assert not again.curl.getinfo(pycurl.INFO_COOKIELIST)


def test_progress_is_whatever_comes(handle, job, server, started):
    """Headers and bytes; before the request could be sent there is none, and other limits hold."""
    watched = handle()
    watched.start(started(job(server.url("told"))))
    assert (watched.progress, watched.connected) == (0, False)
    watched.curl.perform()
    assert watched.progress > len(b"fine")
    assert watched.connected
    watched.end(0, "")


def test_the_time_of_a_request_is_before_it_is_sent(handle, job, server, ask, monkeypatch):
    """Also where the process is held up behind it, when the server may have answered; a reused connection has none."""
    asking = handle()

    def hold_up(kind, _):
        if kind == pycurl.INFOTYPE_HEADER_OUT:
            sleep(0.5)

    asking.curl.setopt(pycurl.DEBUGFUNCTION, hold_up)
    asking.curl.setopt(pycurl.VERBOSE, 1)
    found = []
    monkeypatch.setattr(curl_handle, "timestamp", found.append)  # after its start, which is 0 here
    for _ in range(2):
        ask(asking, job(f"http://127.0.0.1:{server.port}/told"))
    assert asking.curl.getinfo(pycurl.PRETRANSFER_TIME) >= 0.5  # what it must not be
    assert 0 < found[0] < 0.5
    assert found[1] == 0

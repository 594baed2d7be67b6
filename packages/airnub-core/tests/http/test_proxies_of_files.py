"""Proxies, from the environment: what is told to them, and what is refused behind them.

The server of the test is the proxy: hosts that do not exist are asked for through it, and nothing leaves the machine.
"""

import pytest
from misbehaving import MisbehavingServer

from airnub_core import Kind
from airnub_core.errors import ConnectionFailedError, RefusedAddressError, RefusedUrlError, TlsError

FILES = "http://files.invalid"
"""A host that no resolver knows (RFC 6761)."""


@pytest.fixture
def proxy(monkeypatch):
    """A proxy on loopback that answers by the path that it is asked for, whatever the host; `connect` is its answer
    to those who want a tunnel.
    """
    behaviours = {}
    server = MisbehavingServer(behaviours)
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.port}")
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{server.port}")
    behaviours = server.behaviours
    behaviours["file"] = lambda talk: talk.answer(body=b"through the proxy")
    behaviours["onward"] = lambda talk, to: talk.answer(302, {"Location": to})
    yield server
    server.close()


@pytest.fixture
def public(fetch):
    """Fetch one file with private hosts not allowed; its outcome and its bytes."""
    return lambda url, **limits: fetch(url, allow_private_hosts=False, **limits)


def test_a_file_comes_through_the_proxy(proxy, public):
    """Its name is resolved by the proxy alone, and the proxy's own address is its own affair."""
    outcome, body = public(f"{FILES}/file")
    assert (outcome.kind, body) == (Kind.STORED, b"through the proxy")
    assert [asked.target for asked in proxy.asked] == [f"{FILES}/file"]


def test_a_name_in_other_letters(proxy, public):
    """It is asked for as resolvers know it (RFC 3490)."""
    outcome, _ = public("http://Köln.invalid/file")
    assert outcome.kind is Kind.STORED
    assert [asked.target for asked in proxy.asked] == ["http://xn--kln-sna.invalid/file"]


def test_some_hosts_are_asked_without_it(proxy, serve, fetch, monkeypatch):
    """As the usual variable says."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = serve()
    assert fetch(server.url("told"))[1] == b"fine"
    assert (len(server.asked), proxy.accepted) == (1, 0)


def test_libcurl_does_not_read_the_variable_its_own_way(proxy, public, monkeypatch):
    """It would take a space for a comma, and go to a host that nobody has looked at since the proxy was to do it."""
    monkeypatch.setenv("no_proxy", "files.invalid other.invalid")
    outcome, _ = public(f"{FILES}/file")
    assert outcome.kind is Kind.STORED
    assert proxy.accepted == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "0"]
)
def test_loopback_is_refused_behind_it(proxy, server, public, host):
    """The proxy is not asked for it."""
    outcome, _ = public(f"http://{host}:{server.port}/told")
    assert isinstance(outcome.error, RefusedAddressError)
    assert (proxy.accepted, server.accepted) == (0, 0)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "LOCALHOST.",
        "0.0.0.0",
        "me@127.0.0.1",
        "example.org@127.0.0.1",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https", ""])
def test_a_redirect_to_loopback_is_refused(proxy, server, public, scheme, host):
    """From a public host, in every form, and before anything is asked: neither the proxy nor the server hears of it."""
    target = f"{scheme}://{host}:{server.port}/told" if scheme else f"//{host}:{server.port}/told"
    proxy.behaviours["away"] = lambda talk: talk.answer(302, {"Location": target})
    outcome, body = public(f"{FILES}/away", attempts=3)
    assert isinstance(outcome.error, RefusedAddressError), outcome.error
    assert (outcome.attempts, outcome.error.url, body) == (1, f"{FILES}/away", None)
    assert [asked.target for asked in proxy.asked] == [f"{FILES}/away"]
    assert server.accepted == 0


def test_a_later_redirect_to_loopback_is_refused(proxy, server, public):
    """The fifth hop is judged as the first."""
    last = server.url("told")
    for number in range(4):
        target = f"/hop{number + 1}" if number < 3 else last
        proxy.behaviours[f"hop{number}"] = lambda talk, target=target: talk.answer(302, {"Location": target})
    outcome, _ = public(f"{FILES}/hop0")
    assert isinstance(outcome.error, RefusedAddressError)
    assert (len(proxy.asked), server.accepted) == (4, 0)


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://files.invalid/x", "gopher://files.invalid/x"])
def test_a_redirect_to_another_scheme_is_refused_behind_it(proxy, public, target):
    """The proxy might well know what to do with it."""
    outcome, _ = public(f"{FILES}/onward?to={target}")
    assert isinstance(outcome.error, RefusedUrlError)
    assert len(proxy.asked) == 1


def test_a_proxy_that_makes_no_tunnel(proxy, public):
    """For https it is asked for one: where it says no, the item fails, and the target is not asked by another way."""
    proxy.behaviours[""] = lambda talk: talk.answer(403)
    outcome, _ = public("https://files.invalid/file")
    assert isinstance(outcome.error, (ConnectionFailedError, TlsError))
    assert proxy.asked[0].target == "files.invalid:443"


def test_a_proxy_that_is_not_there(public, unused_port, monkeypatch):
    """It is an error of the connection, and the host is not asked by another way."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port}")
    outcome, _ = public(f"{FILES}/file")
    assert isinstance(outcome.error, ConnectionFailedError)


def test_the_password_of_a_proxy(proxy, public, monkeypatch):
    """It is told to the proxy, and in no message."""
    monkeypatch.setenv("http_proxy", f"http://me:s3cret@127.0.0.1:{proxy.port}")
    outcome, _ = public(f"{FILES}/missing")
    assert "proxy-authorization" in proxy.asked[0].headers
    assert "s3cret" not in str(outcome.error)

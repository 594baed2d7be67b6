"""Connections that are not made, break, or bring nothing: each has its limit, and others go on."""

import socket
from contextlib import closing

import pytest
from misbehaving import FullBacklog, never_read, reset_at_once
from misbehaviours import content

from airnub_core import FileSource, Kind
from airnub_core.errors import ConnectionFailedError, ProtocolError, TransferTimeoutError


def test_a_port_that_nobody_listens_on(fails, unused_port):
    """The system's own word is in the message; it may heal."""
    error = fails(f"http://127.0.0.1:{unused_port}/x", ConnectionFailedError)
    assert error.transient
    assert "refused" in str(error).lower()


def test_a_port_that_nobody_listens_on_is_tried_again(fails, unused_port):
    """As often as the settings say."""
    assert fails(f"http://127.0.0.1:{unused_port}/x", ConnectionFailedError, attempts=2).attempts == 2


@pytest.mark.parametrize("name", ["close", "reset", "reset_in_headers"])
def test_a_connection_that_ends_before_the_answer(server, fails, name):
    """Politely or not; it may heal."""
    assert fails(server.url(name), ConnectionFailedError, ProtocolError).transient


def test_a_connection_that_is_reset_at_once(serve, fails):
    """Not a byte was read."""
    assert fails(serve(greet=reset_at_once).url("told"), ConnectionFailedError).transient


def test_a_server_that_never_reads(serve, fails):
    """Its side of the connection is half open: it was taken, and that was all."""
    error = fails(serve(greet=never_read).url("told"), TransferTimeoutError, stall_timeout=0.3)
    assert (error.limit, error.seconds, error.transient) == ("stall_timeout", 0.3, True)


def test_a_port_that_takes_no_more_connections(fails):
    """Waiting for one has a limit of its own."""
    with closing(FullBacklog()) as full:
        if not full.is_full:
            pytest.skip("this system takes connections without end")
        error = fails(full.url("/x"), TransferTimeoutError, connect_timeout=0.4, stall_timeout=20)
    assert (error.limit, error.seconds, error.transient) == ("connect_timeout", 0.4, True)


@pytest.mark.parametrize("name", ["stall", "stall_in_headers", "stall_in_body"])
def test_a_server_that_stops(server, fails, name):
    """Before the answer, in its headers or in the body: no byte for so long, and the error names the setting."""
    more = {"size": 100, "sent": 50} if name == "stall_in_body" else {}
    error = fails(server.url(name, **more), TransferTimeoutError, stall_timeout=0.3)
    assert (error.limit, error.seconds, error.transient) == ("stall_timeout", 0.3, True)


def test_a_redirect_that_stops(server, fails):
    """The error names what was asked for."""
    url = server.url("redirect", to="/stall")
    error = fails(url, TransferTimeoutError, stall_timeout=0.3)
    assert (error.url, error.limit) == (url, "stall_timeout")


@pytest.mark.parametrize("name", ["drip", "drip_headers"])
def test_a_trickle_comes_to_an_end(server, fails, name):
    """A byte now and then does not stall, but the whole has a limit too."""
    more = {"size": 100_000} if name == "drip" else {}
    error = fails(server.url(name, **more), TransferTimeoutError, stall_timeout=20, total_timeout=0.2)
    assert (error.limit, error.seconds, error.transient) == ("total_timeout", 0.2, True)


def test_redirects_have_one_limit_together(server, fails):
    """The time of an attempt is that of all its requests."""

    def slow_loop(talk, left):
        talk.pause(0.3)
        talk.answer(302, {"Location": f"slow_loop?left={left - 1}"})

    server.behaviours["slow_loop"] = slow_loop
    error = fails(server.url("slow_loop", left=9), TransferTimeoutError, total_timeout=0.8, stall_timeout=20)
    assert error.limit == "total_timeout"


def test_slow_is_not_stalled(server, stored):
    """A file that takes longer than the stall limit in all, and never so long for a byte."""
    body = stored(server.url("drip", size=30, pause_ms=50), stall_timeout=1)
    assert body == content(30)


def test_a_connection_that_was_closed_meanwhile(server, stored, run, network):
    """A server that closes after each answer without saying so: every file comes, and none of them twice."""

    def fickle(talk, number):
        talk.answer(body=b"%d" % number)
        talk.goes_on = False

    server.behaviours["fickle"] = fickle
    urls = [server.url("fickle", number=number) for number in range(30)]
    few = network.model_copy(update={"connections": 2, "attempts": 3})
    outcomes = run(FileSource(name="s", urls=urls), network=few)
    assert {outcome.kind for outcome in outcomes} == {Kind.STORED}
    assert len(server.asked) == 30


def test_ipv6(serve, stored):
    """A host by its IPv6 address."""
    try:
        server = serve(host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    assert stored(server.url("told")) == b"fine"


def test_a_name_with_two_addresses(server, stored):
    """Where one of a name's addresses refuses, the other is tried."""
    addresses = {answer[4][0] for answer in socket.getaddrinfo("localhost", server.port, type=socket.SOCK_STREAM)}
    if "127.0.0.1" not in addresses:
        pytest.skip("localhost has no IPv4 address here")
    assert stored(server.url("told").replace("127.0.0.1", "localhost")) == b"fine"

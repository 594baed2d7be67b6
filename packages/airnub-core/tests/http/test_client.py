"""The client by itself: turns that are shared, requests that are given up, and its end."""

import threading

import pytest

from airnub_core.errors import ConnectionFailedError
from airnub_core.http.body_sink import MemoryBody
from airnub_core.http.client import Client
from airnub_core.http.request import Transfer


class Sink:
    """Keeps what it is given."""

    takes_all = cuts = parks = False
    can_restart = True

    def __init__(self):
        self.ended, self.content, self.error = threading.Event(), None, None
        self.discarded = 0

    def body(self, _response):
        """In memory."""
        return MemoryBody()

    def whole(self, _response, body):
        """The end."""
        self.content = body.content()
        self.ended.set()

    def failed(self, _transfer, error):
        """The end."""
        self.error = error
        self.ended.set()

    def discard(self, _body):
        """Count."""
        self.discarded += 1

    park = discard


@pytest.fixture
def client():
    """A client of two connections."""
    made = Client("tests/1", 2)
    yield made
    made.close()


@pytest.fixture
def ask(client, job):
    """Begin a request."""

    def begin(url, **limits):
        transfer = Transfer(job(url, **limits), Sink())
        client.submit(transfer)
        return transfer

    return begin


def test_requests_end_in_their_sinks(ask, server):
    """Each in its own."""
    good, bad = ask(server.url("told")), ask(server.url("missing"))
    assert good.sink.ended.wait(20)
    assert bad.sink.ended.wait(20)
    assert (good.sink.content, bad.sink.error.status) == (b"fine", 404)


def test_an_idle_handle_has_no_transfer(client, ask, server):
    """Neither a request nor its response is kept until the next one."""
    done, over = ask(server.url("told")), threading.Event()
    assert done.sink.ended.wait(20)
    client.call(over.set)
    assert over.wait(20)
    [handle] = client._idle
    assert not hasattr(handle, "transfer")
    assert not hasattr(handle, "reader")


def test_a_client_that_shares_its_limits(client, ask, server):
    """It keeps to its part of the connections until it is alone again."""
    client.share(2)
    assert client.shared_by == 2
    several = [ask(server.url("held", until=1, seed=number)) for number in range(4)]
    assert all(one.sink.ended.wait(20) for one in several)
    assert server.busy.most == 1
    client.share(1)
    several = [ask(server.url("held", until=2, seed=number)) for number in range(4)]
    assert all(one.sink.ended.wait(20) for one in several)
    assert server.busy.most == 2


def test_what_is_given_up_leaves_its_place(client, ask, server):
    """On its way, with a body that began, and waiting; the sink hears nothing more."""
    begun = ask(server.url("stall_in_body", size=100, sent=17), stall_timeout=60)
    stalled = ask(server.url("stall"), stall_timeout=60)
    waiting = ask(server.url("told"))
    assert server.busy.reached(2)
    for one in (waiting, begun, stalled):
        client.cancel(one)
    after = ask(server.url("told"))
    assert after.sink.ended.wait(20)
    assert not any(one.sink.ended.is_set() for one in (begun, stalled, waiting))
    assert len(server.asked) == 3


def test_a_client_that_is_closed_takes_nothing(client, job, server):
    """It says so."""
    client.close()
    with pytest.raises(ConnectionFailedError, match="the engine was closed"):
        client.submit(Transfer(job(server.url("told")), Sink()))


def test_a_fault_in_the_loop_reaches_all_that_wait(client, job, server):
    """Watchers are given it, and it is raised by what comes later."""
    seen, crashed = [], threading.Event()

    class Watcher:
        def look(self, _now):
            """Raise."""
            raise LookupError("a fault")

        def crashed(self, error):
            """Keep it."""
            seen.append(error)
            crashed.set()

    client.call(lambda: client.watch(Watcher()))
    assert crashed.wait(20)
    assert [str(error) for error in seen] == ["a fault"]
    with pytest.raises(LookupError):
        client.submit(Transfer(job(server.url("told")), Sink()))

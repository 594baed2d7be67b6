"""The loop of a client: the sockets of libcurl, calls of other threads, watchers."""

import socket
import threading
from math import inf
from time import monotonic, sleep

import pycurl
import pytest

from airnub_core.http.loop import Loop


class Several(Loop):
    """Makes requests with bare handles; by URL, libcurl's code and the body."""

    def __init__(self):
        super().__init__(4)
        self.ends, self.bodies, self.all_ended = {}, {}, threading.Event()
        self.waiting, self.asked, self.given_up = [], {}, False

    def ask(self, *urls):
        """All at once; what came of each."""
        self.ends, self.all_ended = {}, threading.Event()
        self.call(lambda: self.waiting.extend(urls))
        assert self.all_ended.wait(20)
        return self.ends

    def start_due(self, now):
        del now
        for url in self.waiting:
            curl, body = pycurl.Curl(), []
            curl.setopt(pycurl.URL, url)
            curl.setopt(pycurl.WRITEFUNCTION, body.append)
            self.asked[curl] = url, body
            self.multi.add_handle(curl)
        self.waiting = []
        return inf

    def ended(self, curl, code, message):
        del message
        url, body = self.asked.pop(curl)
        self.multi.remove_handle(curl)
        self.ends[url] = code, b"".join(body)
        if not self.asked:
            self.all_ended.set()

    def look(self, now):
        del now
        return 1.0

    def give_up_all(self):
        self.given_up = True


class Recorder:
    """In place of libcurl: what it is told of sockets."""

    def __init__(self):
        self.seen = []

    def socket_action(self, descriptor, events):
        """Keep it."""
        self.seen.append((descriptor, events))

    def info_read(self):
        """Nothing has ended."""
        return 0, [], []

    def close(self):
        """Nothing is open."""


@pytest.fixture
def loop():
    """A loop in its thread."""
    made = Several()
    made.start()
    yield made
    made.close()
    assert made.given_up


@pytest.fixture
def turns():
    """A loop whose turns are taken here, and what libcurl is told of sockets in one."""
    made = Several()
    made.multi = Recorder()

    def turn():
        made.multi.seen.clear()
        made._inbox.append(lambda: None)  # so that it does not wait
        made._turn()
        made._inbox.clear()
        return list(made.multi.seen)

    yield made._on_socket, turn
    made.start()
    made.close()


@pytest.fixture
def pair():
    """Two ends of a connection."""
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


def test_each_of_several_ends_for_itself(loop, server):
    """One is answered and the other finds no server; connections are used again."""
    good, bad = server.url("told"), "http://127.0.0.1:1/"
    first = loop.ask(good, bad)
    assert first[good] == (0, b"fine")
    assert first[bad][0] == pycurl.E_COULDNT_CONNECT
    accepted = server.accepted
    assert loop.ask(good) == {good: (0, b"fine")}
    assert server.accepted == accepted


def test_calls_are_made_in_their_order(loop):
    """Also while the loop sleeps, and at once."""
    sleep(0.05)
    done, last = [], threading.Event()
    began = monotonic()
    for number in range(100):
        loop.call(lambda number=number: done.append(number))
    loop.call(last.set)
    assert last.wait(20)
    assert done == list(range(100))
    assert monotonic() - began < 0.5


def test_watchers_look_at_each_turn(loop):
    """As soon as they asked for, and no more when they are gone."""
    looks, enough = [], threading.Event()

    class Watcher:
        def look(self, now):
            """Soon again."""
            looks.append(now)
            if len(looks) == 3:
                loop.unwatch(self)
                enough.set()
            return 0.01

    loop.call(lambda: loop.watch(Watcher()))
    assert enough.wait(20)
    sleep(0.05)
    assert len(looks) == 3


def test_sockets_are_ready_for_what_was_asked_for(turns, pair):
    """Whatever was asked for before; the events are those of libcurl."""
    on_socket, turn = turns
    here, there = pair
    on_socket(pycurl.POLL_IN, here.fileno(), None, None)
    assert turn() == []
    there.send(b"x")
    assert turn() == [(here.fileno(), pycurl.CSELECT_IN)]
    on_socket(pycurl.POLL_INOUT, here.fileno(), None, None)
    assert turn() == [(here.fileno(), pycurl.CSELECT_IN | pycurl.CSELECT_OUT)]
    on_socket(pycurl.POLL_OUT, here.fileno(), None, None)
    assert turn() == [(here.fileno(), pycurl.CSELECT_OUT)]


def test_a_connection_that_was_closed_is_ready(turns, pair):
    """Reading then says so."""
    on_socket, turn = turns
    here, there = pair
    on_socket(pycurl.POLL_IN, here.fileno(), None, None)
    there.close()
    assert turn() == [(here.fileno(), pycurl.CSELECT_IN | pycurl.CSELECT_OUT)]


def test_a_socket_that_was_removed_is_not_reported(turns, pair):
    """Until it is asked for again."""
    on_socket, turn = turns
    here, there = pair
    on_socket(pycurl.POLL_IN, here.fileno(), None, None)
    there.send(b"x")
    on_socket(pycurl.POLL_REMOVE, here.fileno(), None, None)
    assert turn() == []
    on_socket(pycurl.POLL_OUT, here.fileno(), None, None)
    assert turn() == [(here.fileno(), pycurl.CSELECT_OUT)]


def test_a_timer_of_libcurl_without_a_delay_is_due_at_once(loop):
    """The wait of the same turn is then 0; `poll` would round up a shorter one to a millisecond, in every request."""
    loop._on_timer(0)
    assert loop._due == 0
    loop._on_timer(-1)
    assert loop._due == inf

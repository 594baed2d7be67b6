"""Pollers: that of Linux, and that of all others."""

import select
import socket

import pycurl
import pytest

from airnub_core.http import poller as pollers
from airnub_core.http.poller import READ, WRITE, new_poller


@pytest.fixture(params=["epoll", "selector"])
def poller(request, monkeypatch):
    """Each kind, as its system gets it."""
    if request.param == "selector":
        monkeypatch.delattr(select, "epoll", raising=False)
    elif not hasattr(select, "epoll"):
        pytest.skip("this system has no epoll")
    made = new_poller()
    assert isinstance(made, pollers._Selector) is (request.param == "selector")
    yield made
    made.close()


@pytest.fixture
def pair():
    """Two ends of a connection."""
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


def test_events_are_called_as_libcurl_calls_them():
    """They are handed on as they are."""
    assert (READ, WRITE, READ | WRITE) == (pycurl.POLL_IN, pycurl.POLL_OUT, pycurl.POLL_INOUT)
    assert (READ, WRITE) == (pycurl.CSELECT_IN, pycurl.CSELECT_OUT)


def test_it_tells_what_is_ready(poller, pair):
    """Only of what was asked for, whatever was before."""
    here, there = pair
    poller.watch(here.fileno(), READ)
    assert list(poller.wait(0)) == []
    there.send(b"x")
    assert list(poller.wait(1)) == [(here.fileno(), READ)]
    poller.watch(here.fileno(), READ | WRITE)
    assert list(poller.wait(1)) == [(here.fileno(), READ | WRITE)]
    poller.watch(here.fileno(), WRITE)
    assert list(poller.wait(1)) == [(here.fileno(), WRITE)]


def test_a_connection_that_was_closed_is_ready(poller, pair):
    """Whoever reads then hears of it."""
    here, there = pair
    poller.watch(here.fileno(), READ)
    there.close()
    [(descriptor, events)] = poller.wait(1)
    assert descriptor == here.fileno()
    assert events & READ


def test_what_is_forgotten_is_told_of_no_more(poller, pair):
    """Also twice, and also when it was closed before, and its number belongs to another by now."""
    here, there = pair
    poller.watch(here.fileno(), READ)
    there.send(b"x")
    poller.forget(here.fileno())
    poller.forget(here.fileno())
    assert list(poller.wait(0)) == []
    poller.watch(here.fileno(), READ)
    descriptor = here.fileno()
    here.close()
    poller.forget(descriptor)
    assert list(poller.wait(0)) == []
    again, other = socket.socketpair()
    with again, other:
        poller.watch(again.fileno(), WRITE)
        assert list(poller.wait(1)) == [(again.fileno(), WRITE)]


def test_what_was_forgotten_is_watched_again(poller, pair):
    """Whether or not it was ready in between."""
    here, there = pair
    for is_ready in (False, True):
        poller.watch(here.fileno(), READ)
        poller.forget(here.fileno())
        if is_ready:
            there.send(b"x")
            assert list(poller.wait(0)) == []
        poller.watch(here.fileno(), WRITE)
        assert list(poller.wait(1)) == [(here.fileno(), WRITE)]
        poller.forget(here.fileno())

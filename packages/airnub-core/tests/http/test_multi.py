"""Multis, with a server on a socket."""

from time import monotonic

import pytest

from airnub_core.http.multi import Multi
from airnub_core.http.poller import new_poller


@pytest.fixture
def poller():
    """A poller of its own."""
    made = new_poller()
    yield made
    made.close()


@pytest.fixture
def ended(new_transfer, job, poller):
    """Ask for URLs at once over a multi; by URL, libcurl's code and what came."""

    def ask(multi, multi_of, *urls):
        left = set()
        for url in urls:
            transfer = new_transfer(job(url))
            transfer.started = monotonic()
            handle = multi.idle.pop() if multi.idle else multi.new_handle("test")
            handle.start(transfer)
            multi.curl.add_handle(handle.curl)
            left.add(handle)
        codes = {}
        until = monotonic() + 30
        while left:
            assert monotonic() < until, f"expected all to end, found {len(left)} still at it"
            wait = multi.wait(monotonic())
            for descriptor, events in poller.wait(0.1 if wait is None else max(0.0, min(wait, 0.1))):
                assert multi_of[descriptor] is multi
                multi.act(descriptor, events)
            multi.act_on_time(monotonic())
            for curl, code, _ in multi.ended():
                multi.curl.remove_handle(curl)
                handle = multi.handle_of(curl)
                body = handle.answer.body.content() if code == 0 and handle.end(code, "") is None else None
                codes[handle.transfer.url] = (code, body)
                handle.release()
                multi.idle.append(handle)
                left.remove(handle)
        return codes

    return ask


def test_each_of_several_ends_for_itself(ended, server, poller):
    """One is answered and another finds nobody; handles and connections are used again."""
    multi_of = {}
    multi = Multi(poller, multi_of, 4)
    good, nobody = server.url("told"), "http://127.0.0.1:1/"
    first = ended(multi, multi_of, good, nobody)
    assert first[good] == (0, b"fine")
    assert first[nobody][0] != 0
    accepted = server.accepted
    assert ended(multi, multi_of, good) == {good: (0, b"fine")}
    assert server.accepted == accepted
    assert multi.is_idle
    multi.idle.pop()
    assert not multi.is_idle
    multi.close()

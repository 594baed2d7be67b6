"""Leases of URLs, which workers leave to each other."""

import pytest

from airnub_core.store.index import leases
from airnub_core.store.index.leases import LEASE_SECONDS, Leases


@pytest.fixture
def clock(monkeypatch):
    """Seconds; a list of which the only entry is now."""
    now = [1000.0]
    monkeypatch.setattr(leases, "monotonic", lambda: now[0])
    return now


class Shared:
    """An index of which another worker is at some URLs; it remembers what it was asked."""

    def __init__(self, others):
        self.others = set(others)
        self.asked = []
        self.released = []

    def claim(self, url_digests):
        self.asked.append(list(url_digests))
        return set(url_digests) - self.others

    def release(self, url_digests):
        self.released += url_digests


def test_what_others_are_at_is_left_to_them():
    """All else is ours."""
    index = Shared("bd")
    assert Leases(index, force=False).claim(["a", "b", "c", "d"]) == {"a", "c"}
    assert index.asked == [["a", "b", "c", "d"]]


def test_who_is_forced_asks_nobody():
    """Nothing is left to others."""
    index = Shared("ab")
    ours = Leases(index, force=True)
    assert ours.claim(["a", "b"]) == {"a", "b"}
    ours.renew()
    assert index.asked == []


def test_claims_are_renewed_before_they_lapse(clock):
    """Several times, and not at every turn; what is claimed anew renews the others too."""
    index = Shared("")
    ours = Leases(index, force=False)
    ours.claim(["a"])
    for _ in range(100):
        ours.renew()
        clock[0] += LEASE_SECONDS / 100
    assert index.asked[0] == ["a"]
    assert 3 <= index.asked[1:].count([]) == len(index.asked) - 1 <= 5
    ours.claim(["b"])
    ours.renew()
    assert index.asked[-1] == ["b"]


def test_what_is_released_is_up_for_others():
    """The index hears of it at once."""
    index = Shared("")
    Leases(index, force=False).release(["a", "b"])
    assert index.released == ["a", "b"]

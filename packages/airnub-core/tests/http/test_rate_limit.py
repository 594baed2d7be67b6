"""The schedule, which is told the time."""

from collections import Counter
from dataclasses import dataclass
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from airnub_core.http.rate_limit import Scheduler


@dataclass(frozen=True)
class One:
    """Something for a host."""

    name: str
    host: str = "h"
    per_host: int = 2
    per_second: float | None = None


def started(schedule, now=0.0):
    """All that may start now, by name."""
    return "".join(one.name for one in schedule.due(now))


def scheduled(*all_of, connections=10):
    """A schedule of these."""
    schedule = Scheduler(connections)
    for one in all_of:
        schedule.add(one)
    return schedule


def waiting(schedule):
    """All that have not started; they are taken out."""
    return schedule.remove(lambda _one: True)


def test_those_of_a_host_keep_their_order_and_its_limit():
    """The next one starts when another has ended."""
    a, b, c, d = (One(name) for name in "abcd")
    schedule = scheduled(a, b, c, d)
    assert started(schedule) == "ab"
    assert schedule.wait(0.0) == inf
    schedule.ended(b)
    assert started(schedule) == "c"
    schedule.ended(a)
    schedule.ended(c)
    assert (started(schedule), waiting(schedule)) == ("d", [])


def test_hosts_take_turns():
    """One with many waiting keeps nobody else waiting."""
    schedule = scheduled(*(One(name, "first") for name in "abc"), *(One(name, "second") for name in "xyz"))
    assert started(schedule) == "axby"


def test_the_limit_of_all():
    """However many hosts there are."""
    ones = [One(name, host=name) for name in "abcd"]
    schedule = scheduled(*ones, connections=3)
    assert started(schedule) == "abc"
    schedule.ended(ones[1])
    assert started(schedule) == "d"


def test_starts_a_second():
    """The first is at once, and each further one when its time has come; other hosts do not wait for it."""
    slow = [One(name, "slow", 10, per_second=2) for name in "abc"]
    schedule = scheduled(*slow, One("x", "other"))
    assert started(schedule, 5.0) == "ax"
    assert schedule.wait(5.25) == 0.25
    assert started(schedule, 5.4) == ""
    assert started(schedule, 5.5) == "b"
    schedule.ended(slow[0])
    schedule.ended(slow[1])
    assert started(schedule, 5.9) == ""
    assert started(schedule, 7.0) == "c"
    schedule.ended(slow[2])
    schedule.add(slow[0])
    assert started(schedule, 7.4) == ""
    assert started(schedule, 7.5) == "a"


def test_what_is_for_later():
    """It waits until it is due, and then for its turn; the earliest comes first."""
    schedule = scheduled()
    schedule.add_later(One("b"), at=4.0)
    schedule.add_later(One("a"), at=3.0)
    assert (schedule.wait(1.0), started(schedule, 2.9)) == (2.0, "")
    assert (started(schedule, 3.0), schedule.wait(3.0)) == ("a", 1.0)
    assert schedule.wait(9.0) == 0.0
    assert (started(schedule, 9.0), waiting(schedule)) == ("b", [])


def test_what_is_given_up():
    """All that wait, for whatever; what has started ends by itself."""
    a, b, c = One("a", per_host=1), One("b", per_host=1), One("c", "other", per_second=1)
    schedule = scheduled(a, b, c)
    schedule.add_later(One("d"), at=9.0)
    schedule.add(One("e", "other", per_second=1))
    assert started(schedule) == "ac"
    assert {one.name for one in schedule.remove(lambda _one: True)} == {"b", "d", "e"}
    assert waiting(schedule) == []
    schedule.ended(a)
    schedule.ended(c)
    assert started(schedule, 99.0) == ""
    schedule.add(b)
    assert started(schedule, 99.0) == "b"


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.sampled_from("xyz"), st.integers(1, 3), st.sampled_from([None, 1.0, 10.0])), max_size=30),
    st.lists(st.integers(0, 100), max_size=100),
)
def test_no_limit_is_ever_exceeded_and_all_have_their_turn(connections, asked, choices):
    """Whatever is added and ends in whatever order, some for later."""
    schedule, active, now = Scheduler(connections), [], 0.0
    ones = [One(str(number), *limits) for number, limits in enumerate(asked)]
    for number, one in enumerate(ones):
        if number % 5 == 4:
            schedule.add_later(one, at=number / 10)
        else:
            schedule.add(one)
    done, choices = [], iter(choices)
    while len(done) < len(ones):
        for one in schedule.due(now):
            active.append(one)
            at_once = Counter((each.host, each.per_host) for each in active)
            assert len(active) <= connections
            assert all(count <= per_host for (_, per_host), count in at_once.items())
        if active:
            done.append(active.pop(next(choices, 0) % len(active)))
            schedule.ended(done[-1])
        else:
            wait = schedule.wait(now)
            assert wait < inf, "something waits, and nothing will ever change that"
            now += wait + 1e-6
    assert sorted(done, key=ones.index) == ones
    assert waiting(schedule) == []

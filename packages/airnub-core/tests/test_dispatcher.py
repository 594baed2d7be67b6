"""Dealing."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from airnub_core import Item, Status, dispatcher
from airnub_core.dispatcher import Dispatcher
from airnub_core.errors import ConnectionFailedError
from airnub_core.http.request import Response
from airnub_core.store.clock import elapsed
from airnub_core.store.index import IndexRow
from airnub_core.store.manifest import url_digest


class FakeCrew(list):
    """Jobs as they were dealt, packet by packet, and whether that was all."""

    def __init__(self, members=1):
        super().__init__()
        self.members = members
        self.closed = 0
        self.has_idle = False

    def __len__(self):
        return self.members

    add = list.append

    def close(self):
        self.closed += 1

    @property
    def jobs(self):
        return [job for packet in self for job in packet]


class FakeIndex:
    """What is known by URL digest, and what others are at."""

    shared = False

    def __init__(self):
        self.known = {}
        self.others = set()
        self.ours = Counter()

    def clock(self):
        return datetime(2020, 1, 1, tzinfo=UTC).timestamp() - elapsed()

    def lookup(self, source, digests):
        return {digest: self.known[digest] for digest in digests if digest in self.known}

    def claim(self, digests):
        claimed = set(digests) - self.others
        self.ours.update(claimed)
        return claimed

    def release(self, digests):
        self.ours.subtract(digests)


class FakeStore:
    """All objects are there but for those that are lost."""

    def __init__(self):
        self.lost = set()

    def has(self, path, size):
        return path not in self.lost


@pytest.fixture
def crew():
    """Of one."""
    return FakeCrew()


@pytest.fixture
def index():
    """An empty one, that nobody shares."""
    return FakeIndex()


@pytest.fixture
def shared(index):
    """The same, shared with others."""
    index.shared = True
    return index


@pytest.fixture
def store():
    """One that has whatever the index knows."""
    return FakeStore()


@pytest.fixture
def items(network):
    """Items of one source and one host."""
    return lambda number, host="h": [Item("s", f"http://{host}/{one}", network) for one in range(number)]


@pytest.fixture
def new_dispatcher(store, index, crew):
    """Deals items out."""

    def make(items, connections=1, force=False, crew=crew):
        return Dispatcher(items, store, index, crew, connections=connections, force=force)

    return make


@pytest.fixture
def clock(monkeypatch):
    """Seconds; a list of which the only entry is now."""
    now = [1000.0]
    monkeypatch.setattr(dispatcher, "monotonic", lambda: now[0])
    return now


def known_of(item, checked_at="2019"):
    """What an index may know of an item."""
    digest = url_digest(item.url)
    return IndexRow(
        source="s", url_digest=digest, url=item.url, digest="sha256:ab", path=f"s/{digest}", size=7,
        manifest=f"s/{digest}.manifest.json", etag='"1"', last_modified="Mon", checked_at=checked_at, changed_at="2018",
    )  # fmt: skip


def deal_all(dispatcher, crew):
    """As much as may ever be out, to a crew that has nothing to do; which it has then."""
    crew.has_idle = True
    for _ in range(5):
        dispatcher.dispatch()
    crew.has_idle = False


def numbers(crew):
    """Of the jobs that were dealt."""
    return [job.number for job in crew.jobs]


def test_few_items_are_dealt_at_once(new_dispatcher, crew, items):
    """In their order, and that was all; further turns deal nothing."""
    dispatcher = new_dispatcher(items(5))
    for _ in range(2):
        assert dispatcher.dispatch() == {}
        assert (numbers(crew), crew.closed) == ([0, 1, 2, 3, 4], 1)
    for request in crew.jobs:
        dispatcher.back([Response(request, 1)])
    assert not dispatcher.waits_for_others


@pytest.mark.parametrize(("members", "connections", "most"), [(1, 50, 300), (2, 50, 600), (1, 200, 800)])
def test_no_more_of_a_host_is_out_than_it_may(new_dispatcher, items, members, connections, most):
    """More is dealt when there is room for many."""
    crew = FakeCrew(members)
    dispatcher = new_dispatcher(items(most + 1000), connections, crew=crew)
    assert dispatcher.max_in_flight == most
    deal_all(dispatcher, crew)
    assert numbers(crew) == list(range(most))
    for number in range(99):
        dispatcher.back([Response(crew.jobs[number], 1)])
    dispatcher.dispatch()
    assert len(crew.jobs) == most
    dispatcher.back([Response(crew.jobs[99], 1)])
    dispatcher.dispatch()
    assert len(crew.jobs) == most + 100
    assert max(map(len, [crew[place] for place in range(list.__len__(crew))])) == 100


def test_the_last_are_dealt_in_smaller_lots(new_dispatcher, crew, items):
    """So that no downloader is long at it when the others have ended; each lot is dealt as soon as it fits."""
    dispatcher = new_dispatcher(items(500), 50)
    deal_all(dispatcher, crew)
    dealt = list.__len__(crew)
    assert numbers(crew) == list(range(300))
    for number in range(200):
        assert crew.closed == 0
        dispatcher.back([Response(crew.jobs[number], 1)])
        dispatcher.dispatch()
    assert [len(crew[place]) for place in range(dealt, list.__len__(crew))] == [100, 50, 32, 18]
    assert (numbers(crew), crew.closed) == (list(range(500)), 1)


@pytest.mark.parametrize(("connections", "first"), [(1, 32), (50, 100)])
def test_few_are_out_until_somebody_has_nothing_to_do(new_dispatcher, crew, items, connections, first):
    """Large files, which keep a downloader busy, wait for another one to start."""
    dispatcher = new_dispatcher(items(1000), connections)
    for _ in range(3):
        dispatcher.dispatch()
        assert len(crew.jobs) == first
    crew.has_idle = True
    dispatcher.dispatch()
    assert first < len(crew.jobs) <= 4 * first
    for _ in range(3):
        dispatcher.dispatch()
    assert 200 < len(crew.jobs) <= dispatcher.max_in_flight


def test_hosts_are_dealt_in_turn(new_dispatcher, crew, items):
    """The items of one that come first do not hold those of another."""
    wanted = [*items(1000, "slow"), *items(50), *items(1000, "other")]
    deal_all(new_dispatcher(wanted, 50), crew)
    out = Counter(job.url.split("/")[2] for job in crew.jobs)
    assert out == {"slow": 300, "h": 50, "other": 300}
    assert len({(job.number, job.url) for job in crew.jobs}) == 650
    assert all(wanted[job.number].url == job.url for job in crew.jobs)


def test_a_job_says_what_is_known(new_dispatcher, crew, index, store, items):
    """Validators only of what is there; who is forced asks without, and knows what was before all the same."""
    wanted = items(3)
    index.known = {known.url_digest: known for known in map(known_of, wanted[:2])}
    store.lost = {known_of(wanted[1]).path}
    dispatcher = new_dispatcher(wanted)
    dispatcher.dispatch()
    assert [(job.etag, job.last_modified) for job in crew.jobs] == [('"1"', "Mon"), (None, None), (None, None)]
    assert [job.previous_digest for job in crew.jobs] == ["sha256:ab", None, None]
    assert [job.known for job in crew.jobs] == [known_of(wanted[0]), None, None]
    forced = FakeCrew()
    new_dispatcher(wanted, force=True, crew=forced).dispatch()
    assert [(job.etag, job.previous_digest) for job in forced.jobs[:1]] == [(None, "sha256:ab")]


def test_each_of_several_has_its_share_of_a_host(new_dispatcher, items, network):
    """One value for all jobs of a source, and plain numbers."""
    crew = FakeCrew(3)
    narrow = network.model_copy(update={"connections_per_host": 2})
    new_dispatcher([*items(5), *(Item("t", f"http://h/t/{one}", narrow) for one in range(2))], crew=crew).dispatch()
    limits = [job.limits for job in crew.jobs]
    assert [one.connections_per_host for one in limits] == [5] * 5 + [1] * 2
    assert len({id(one) for one in limits}) == 2
    assert type(limits[0].max_bytes) is int


def test_what_another_has_done_since_this_run_began(new_dispatcher, crew, shared, items):
    """It is unchanged after no attempt, and its claim is released; what was done before is asked again."""
    wanted = items(3)
    before, since = known_of(wanted[0]), known_of(wanted[1], "2021")
    shared.known = {known.url_digest: known for known in (before, since)}
    done = new_dispatcher(wanted).dispatch()
    assert list(done) == [1]
    outcome = done[1]
    assert (outcome.kind, outcome.attempts, outcome.path, outcome.size) == (Status.UNCHANGED, 0, since.path, 7)
    assert sorted(numbers(crew)) == [0, 2]
    assert {digest for digest, held in shared.ours.items() if held} == {
        url_digest(wanted[number].url) for number in (0, 2)
    }
    forced = FakeCrew()
    assert new_dispatcher(wanted, force=True, crew=forced).dispatch() == {}
    assert len(forced.jobs) == 3


def test_what_another_has_done_and_is_lost(new_dispatcher, crew, shared, store, items):
    """It is asked for."""
    [item] = items(1)
    shared.known = {url_digest(item.url): known_of(item, "2021")}
    store.lost = {known_of(item).path}
    assert new_dispatcher([item]).dispatch() == {}
    assert numbers(crew) == [0]


def test_what_another_is_at_is_looked_at_again(new_dispatcher, crew, shared, items, clock):
    """Now and then, until it is done or given up."""
    wanted = items(3)
    digests = [url_digest(item.url) for item in wanted]
    shared.others = set(digests[:2])
    dispatcher = new_dispatcher(wanted)
    for _ in range(2):
        assert dispatcher.dispatch() == {}
        assert (numbers(crew), crew.closed) == ([2], 0)
    assert not dispatcher.waits_for_others
    dispatcher.back([Response(crew.jobs[0], 1)])
    assert dispatcher.waits_for_others
    shared.others = {digests[0]}
    clock[0] += dealing_pause() / 2
    assert dispatcher.dispatch() == {}
    assert numbers(crew) == [2]
    clock[0] += dealing_pause()
    assert dispatcher.dispatch() == {}
    assert (numbers(crew), crew.closed) == ([2, 1], 0)
    shared.known = {digests[0]: known_of(wanted[0], "2021")}
    clock[0] += dealing_pause()
    assert list(dispatcher.dispatch()) == [0]
    assert (numbers(crew), crew.closed) == ([2, 1], 1)


@pytest.mark.parametrize("known", [False, True])
def test_what_another_was_at_is_done_when_it_has_ended(new_dispatcher, crew, shared, items, clock, known):
    """Though it had asked before this run began; where it has recorded nothing, it is asked for."""
    wanted = items(2)
    digests = [url_digest(item.url) for item in wanted]
    shared.known = {digest: known_of(item, "2018") for digest, item in zip(digests, wanted, strict=True) if known}
    shared.others = set(digests)
    dispatcher = new_dispatcher(wanted)
    assert dispatcher.dispatch() == {}
    shared.others = set()
    shared.known[digests[0]] = known_of(wanted[0], "2019")
    clock[0] += dealing_pause()
    assert list(dispatcher.dispatch()) == [0]
    assert numbers(crew) == [1]


def dealing_pause():
    """Seconds between two looks at what is left to others."""
    return dispatcher._LOOK_EVERY


def test_workers_begin_in_different_places(new_dispatcher, shared, items, monkeypatch):
    """And come round to the first; who shares with nobody begins with it."""
    monkeypatch.setattr(dispatcher.random, "randrange", lambda number: number - 2)
    crew = FakeCrew()
    new_dispatcher(items(5), crew=crew).dispatch()
    assert numbers(crew) == [3, 4, 0, 1, 2]


def test_few_are_out_where_others_wait_for_them(new_dispatcher, shared, items):
    """But no fewer than keep all connections busy."""
    assert new_dispatcher(items(1000), 1).max_in_flight == 128
    assert new_dispatcher(items(1000), 100).max_in_flight == 200


def test_claims_are_released(new_dispatcher, crew, shared, items):
    """Of what has failed with the next turn, and of what is out when nothing more comes back."""
    dispatcher = new_dispatcher(items(3))
    dispatcher.dispatch()
    assert shared.ours.total() == 3
    failed = next(job for job in crew.jobs if job.number == 1)
    dispatcher.back([Response(failed, 1, ConnectionFailedError(failed.url, "reset"))])
    dispatcher.dispatch()
    assert {one for one, held in shared.ours.items() if not held} == {failed.url_digest}
    dispatcher.release()
    assert set(shared.ours.values()) == {0}

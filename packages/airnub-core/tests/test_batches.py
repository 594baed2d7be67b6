"""Batches."""

import threading

import pytest

from airnub_core import Kind, batches
from airnub_core.arrival import Item
from airnub_core.batches import Batches
from airnub_core.errors import HttpStatusError, StoreError
from airnub_core.http.request import Failed, Fetched, NotModified
from airnub_core.settling import BATCH_BYTES
from airnub_core.store.index import Run
from airnub_core.store.manifest import url_digest
from airnub_core.store.opening import open_for_writing
from airnub_core.store.provenance import Asked

AT = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def opened(tmp_path):
    """An empty store, with all that writing into it takes."""
    with open_for_writing(tmp_path) as everything:
        yield everything


@pytest.fixture
def items(network):
    """Ten items."""
    return [Item("s", f"http://h/{number}?token=s3cret", network) for number in range(10)]


@pytest.fixture
def told():
    """Outcomes as they were told, packet by packet."""
    return []


@pytest.fixture
def made(opened, items, told):
    """Batches of three items; closed at the end, if they are not before."""
    begun = Batches(opened.store, opened.index, items, told.append, 3, Run("r", AT))
    yield begun
    begun._thread.shutdown()


@pytest.fixture
def come(made, opened, items):
    """Items come, each with bytes of its own."""

    def fetched(*numbers, source="s"):
        for number in numbers:
            url = items[number].url
            body = opened.staging.body()
            body.write(b"%d" % number)
            staged = body.finish(Asked(source, url, url_digest(url)), url, {}, "a.csv", AT)
            made.add(Fetched(number, 2, staged, '"1"', None, AT), url_digest(url), None)

    return fetched


@pytest.fixture
def slow(opened, monkeypatch):
    """A store that publishes nothing before the test says so."""
    go_on, publish = threading.Event(), opened.store.publish

    def later(batch):
        assert go_on.wait(60)
        return publish(batch)

    monkeypatch.setattr(opened.store, "publish", later)
    yield go_on
    go_on.set()


def settled(made):
    """Wait until what is under way is settled."""
    for one in made._settled:
        one.exception(60)


def test_a_full_batch_is_settled(made, come, told, opened):
    """And none that is not; outcomes have the order of the items, whatever came first."""
    come(4, 2)
    made.settle_due()
    assert (made._settled, told) == ([], [])
    come(7)
    made.settle_due()
    settled(made)
    [outcomes] = told
    assert [one.url for one in outcomes] == [f"http://h/{number}?token=***" for number in (4, 2, 7)]
    assert {(one.kind, one.attempts) for one in outcomes} == {(Kind.STORED, 2)}
    assert [made.outcomes.index(one) for one in outcomes] == [4, 2, 7]
    assert made.outcomes.count(None) == 7
    assert {row.url for row in opened.index.current("s")} == {one.url for one in outcomes}


def test_what_has_waited_long_is_settled(made, come, told, monkeypatch):
    """By the first that came."""
    now = [1000.0]
    monkeypatch.setattr(batches, "monotonic", lambda: now[0])
    come(1)
    now[0] += batches._LONGEST_UNSETTLED - 0.1
    come(2)
    made.settle_due()
    assert made._settled == []
    now[0] += 0.1
    made.settle_due()
    settled(made)
    assert [len(outcomes) for outcomes in told] == [2]
    come(3)
    made.settle_due()
    assert len(made._settled) == 1


def test_much_is_settled(made, come, told, monkeypatch):
    """Few items may be many bytes."""
    monkeypatch.setattr(batches, "BATCH_BYTES", 2)
    assert BATCH_BYTES > 2
    come(1)
    made.settle_due()
    assert made._settled == []
    come(2)
    made.settle_due()
    come(3)
    made.settle_due()
    settled(made)
    assert [len(outcomes) for outcomes in told] == [2]


def test_what_is_due_now_is_settled(made, come, told):
    """And nothing where nothing has come."""
    made.settle_due(now=True)
    assert made._settled == []
    come(1)
    made.settle_due(now=True)
    settled(made)
    assert [len(outcomes) for outcomes in told] == [1]


def test_the_rest_is_settled_at_the_end(made, come, told):
    """Whoever closes waits for it."""
    come(0, 1, 2)
    made.settle_due()
    come(3)
    made.close()
    assert [len(outcomes) for outcomes in told] == [3, 1]
    assert [one is not None for one in made.outcomes] == [True] * 4 + [False] * 6


def test_whoever_adds_does_not_wait(made, come, slow, told):
    """It is told that more comes than can be settled; then it is no more."""
    for number in range(3):
        assert not made.is_behind or number == 2
        come(number)
        made.settle_due(now=True)
    assert (made.is_behind, told, made.has_failed) == (True, [], False)
    slow.set()
    settled(made)
    assert not made.is_behind
    assert [len(outcomes) for outcomes in told] == [1, 1, 1]


def test_an_item_that_cannot_be_had_has_its_outcome_at_once(made, told, items):
    """With its error, after as many attempts as it says, and without secrets."""
    error = HttpStatusError("http://h/3?token=***", 404)
    error.attempts = 4
    made.fail(Failed(3, error), url_digest(items[3].url), None)
    [[outcome]] = told
    assert made.outcomes[3] is outcome
    assert (outcome.source, outcome.kind, outcome.attempts, outcome.error) == ("s", Kind.FAILED, 4, error)
    assert outcome.url == "http://h/3?token=***"


def test_what_is_not_certain_is_told_to_nobody(made, told, come):
    """It has no outcome."""
    come(1)
    made.close()
    [[outcome]] = told
    made.tell([5, 6], [None, outcome])
    assert told[1] == [outcome]
    assert (made.outcomes[5], made.outcomes[6]) == (None, outcome)


def test_what_is_unchanged_takes_no_bytes(made, come, opened, items, told):
    """It is settled with those that do."""
    come(1)
    made.settle_due(now=True)
    settled(made)
    digest = url_digest(items[1].url)
    known = opened.index.lookup("s", [digest])[digest]
    made.add(NotModified(1, 1, None, None, AT), digest, known)
    come(2)
    made.close()
    assert [[one.kind for one in outcomes] for outcomes in told] == [[Kind.STORED], [Kind.UNCHANGED, Kind.STORED]]


def test_claims_are_released_when_the_index_knows(made, come, opened, items, told, monkeypatch):
    """Before anybody is told: whoever asks next finds it done."""
    released = []
    monkeypatch.setattr(
        opened.index,
        "release",
        lambda digests: released.append((sorted(digests), len(opened.index.current("s")), len(told))),
    )
    come(1, 2)
    made.close()
    assert released == [(sorted(url_digest(items[number].url) for number in (1, 2)), 2, 0)]


def test_what_cannot_be_settled_is_an_error_at_the_end(made, come, opened, tmp_path, told):
    """What could be is told before, and what comes later is settled all the same."""
    (tmp_path / "t").write_bytes(b"in the way")
    come(1)
    come(2, source="t")
    made.settle_due(now=True)
    settled(made)
    assert made.has_failed
    come(3)
    with pytest.raises(StoreError, match=str(tmp_path / "t")):
        made.close()
    assert [[one.url for one in outcomes] for outcomes in told] == [["http://h/1?token=***"], ["http://h/3?token=***"]]
    assert made.outcomes[2] is None
    assert len(opened.index.current("s")) == 2


def test_whoever_hears_outcomes_may_raise(opened, items):
    """It is raised at the end, and all is settled."""

    def refuse(_outcomes):
        raise ValueError("heard enough")

    made = Batches(opened.store, opened.index, items, refuse, 3, Run("r", AT))
    url = items[1].url
    body = opened.staging.body()
    staged = body.finish(Asked("s", url, url_digest(url)), url, {}, "a.csv", AT)
    made.add(Fetched(1, 1, staged, None, None, AT), url_digest(url), None)
    with pytest.raises(ValueError, match="heard enough"):
        made.close()
    assert len(opened.index.current("s")) == 1

"""Settling."""

import time

import pytest

from airnub_common import digest_of
from airnub_core import ContentStore, Kind, open_store
from airnub_core.arrival import Arrival, Item, validators
from airnub_core.errors import StoreError
from airnub_core.settling import settle
from airnub_core.store.clock import timestamp
from airnub_core.store.manifest import Asked, url_digest
from airnub_core.store.staging import Staging

URL = "https://example.org/data/weather.csv?token=s3cret"


@pytest.fixture
def opened(tmp_path):
    """An empty store and its index."""
    with open_store(tmp_path) as (store, index):
        yield store, index


@pytest.fixture
def arrived(opened, tmp_path, network):
    """Bytes of a URL, staged; without bytes, the server's word that nothing changed."""
    _, index = opened
    with Staging(tmp_path / ".airnub" / "staging") as staging:

        def one(content=None, url=URL, source="s", sent_at=None, **validators):
            sent_at = sent_at or timestamp(time.time())
            digest = url_digest(url)
            known = index.lookup(source, [digest]).get(digest)
            staged = None
            if content is not None:
                body = staging.body()
                body.write(content)
                before = None if known is None else known.digest
                asked = Asked(source, url, digest, previous_digest=before)
                staged = body.finish(asked, url, {}, "weather.csv", sent_at)
            return Arrival(Item(source, url, network), digest, known, staged, 2, sent_at, **validators)

        yield one


@pytest.fixture
def settled(opened):
    """Settle arrivals, all of which must be certain; their outcomes."""

    def all_of(*arrivals):
        outcomes, error = settle(*opened, arrivals)
        assert error is None
        return outcomes

    return all_of


def test_an_outcome_says_what_there_is(opened, arrived, settled, tmp_path):
    """What it names is in the store, and the index knows the same; no secret is in either."""
    _, index = opened
    [outcome] = settled(arrived(b"old", etag='"1"'))
    assert (outcome.source, outcome.kind, outcome.attempts) == ("s", Kind.STORED, 2)
    assert (outcome.digest, outcome.size) == (digest_of(b"old"), 3)
    assert (tmp_path / outcome.path).read_bytes() == b"old"
    [known] = index.current("s")
    assert (known.path, known.manifest, known.etag) == (outcome.path, outcome.manifest, '"1"')
    assert known.url == outcome.url == "https://example.org/data/weather.csv?token=***"
    assert ContentStore(tmp_path).manifest(outcome.manifest).url == outcome.url


def test_kinds(opened, arrived, settled):
    """New, changed, and the same bytes again: only a change changes when it changed."""
    _, index = opened
    kinds, rows = [], []
    for content in (b"old", b"new", b"new", b"old"):
        [outcome] = settled(arrived(content))
        kinds.append(outcome.kind)
        rows += index.current("s")
    assert kinds == [Kind.STORED, Kind.UPDATED, Kind.UNCHANGED, Kind.UPDATED]
    assert rows[0].changed_at < rows[1].changed_at == rows[2].changed_at < rows[3].changed_at
    assert sorted({row.checked_at for row in rows}) == [row.checked_at for row in rows]


def test_new_bytes_name_those_before(arrived, settled, tmp_path):
    """A version is linked to the last."""
    [old] = settled(arrived(b"old"))
    [new] = settled(arrived(b"new"))
    assert ContentStore(tmp_path).manifest(new.manifest).previous_digest == old.digest


def test_a_confirmed_item_keeps_what_was_known(opened, arrived, settled):
    """After a 304 the object is the same, and the newer validators are remembered."""
    _, index = opened
    [first] = settled(arrived(b"old", etag='"1"', last_modified="Mon"))
    [before] = index.current("s")
    [again] = settled(arrived(etag='"2"'))
    [known] = index.current("s")
    assert (again.kind, again.digest, again.path, again.size) == (Kind.UNCHANGED, first.digest, first.path, 3)
    assert validators(known) == ('"2"', "Mon")
    assert (known.changed_at, known.checked_at > before.checked_at) == (before.changed_at, True)


def test_where_nothing_is_new_the_time_of_the_check_is(opened, arrived, settled):
    """The rest of what is known stays as it was."""
    _, index = opened
    settled(arrived(b"old", etag='"1"'))
    [before] = index.current("s")
    for sent in ({"etag": '"1"'}, {}):
        settled(arrived(**sent))
        [known] = index.current("s")
        assert known.checked_at > before.checked_at
        assert known._replace(checked_at=before.checked_at) == before
        before = known


def test_outcomes_have_the_order_of_the_arrivals(arrived, settled):
    """Those with bytes and those without are settled together."""
    settled(arrived(b"old"))
    outcomes = settled(arrived(b"1", url="http://h/1"), arrived(), arrived(b"2", url="http://h/2"))
    assert [outcome.kind for outcome in outcomes] == [Kind.STORED, Kind.UNCHANGED, Kind.STORED]
    assert [outcome.size for outcome in outcomes] == [1, 3, 1]


def test_what_cannot_be_stored_keeps_nothing_else_from_it(opened, arrived, tmp_path):
    """It has no outcome and no row, the error says why, and the others have both."""
    (tmp_path / "t").write_bytes(b"in the way")
    outcomes, error = settle(*opened, [arrived(b"1"), arrived(b"2", source="t"), arrived(b"3", url="http://h/3")])
    assert [outcome and outcome.kind for outcome in outcomes] == [Kind.STORED, None, Kind.STORED]
    assert str(tmp_path / "t") in str(error)
    _, index = opened
    assert (len(index.current("s")), index.current("t")) == (2, [])


def test_a_batch_that_the_disk_does_not_take_is_an_error_of_the_store(opened, arrived):
    """Nothing of it is called stored."""
    arrival = arrived(b"1")
    in_the_way = arrival.staged.home / "redo-1.json"
    in_the_way.mkdir()
    with pytest.raises(StoreError, match=in_the_way.name):
        settle(*opened, [arrival])
    _, index = opened
    assert index.current("s") == []


def test_nothing_is_settled_at_once(settled):
    """No arrivals, no outcomes."""
    assert settled() == []


def test_times_are_those_of_the_requests(opened, arrived, settled):
    """Not those of settling, for new and for unchanged files; the manifest says the same."""
    store, index = opened
    for year, content in (("2020", b"old"), ("2021", None)):
        sent_at = f"{year}-01-01T00:00:00+00:00"
        settled(arrived(content, sent_at=sent_at))
        [known] = index.current("s")
        assert (known.checked_at, known.changed_at) == (sent_at, "2020-01-01T00:00:00+00:00")
        assert store.manifest(known.manifest).fetched_at.isoformat() == known.changed_at


def day(number):
    """A time at which a request was sent."""
    return f"2026-01-{number:02}T00:00:00+00:00"


def history(index):
    """Every version of the URL, oldest first: when it was seen, and the first digits of its digest."""
    return [(version.seen_at, version.digest[7:15]) for version in index.versions("s", url_digest(URL))]


def short(content):
    """The first digits of the digest of some bytes."""
    return digest_of(content)[7:15]


def test_an_older_answer_does_not_replace_a_newer_one(opened, arrived, settled):
    """Run A waits in an unfinished batch while run B asks and ends; what A brought is stored, and is history."""
    _, index = opened
    a, b = arrived(b"v1", sent_at=day(1)), arrived(b"v2", sent_at=day(2))
    assert [settled(one)[0].kind for one in (b, a)] == [Kind.STORED, Kind.STORED]
    [known] = index.current("s")
    assert (known.digest, known.checked_at) == (digest_of(b"v2"), day(2))
    assert history(index) == [(day(1), short(b"v1")), (day(2), short(b"v2"))]


def test_a_later_answer_replaces_what_another_run_has_recorded(opened, arrived, settled):
    """And is an update of that."""
    _, index = opened
    settled(arrived(b"v0", sent_at=day(1)))
    a, b = arrived(b"v2", sent_at=day(3)), arrived(b"v1", sent_at=day(2))
    assert [settled(one)[0].kind for one in (b, a)] == [Kind.UPDATED, Kind.UPDATED]
    assert history(index) == [(day(number + 1), short(b"v%d" % number)) for number in range(3)]


@pytest.mark.parametrize(("sent", "kind", "current"), [(2, Kind.UNCHANGED, b"v2"), (9, Kind.UPDATED, b"v1")])
@pytest.mark.parametrize("content", [None, b"v1"], ids=["304", "same bytes"])
def test_what_is_unchanged_for_one_run_and_not_for_another(opened, arrived, settled, content, sent, kind, current):
    """Asked before the other run, it was so; asked after it, the server has gone back, and that is an update."""
    _, index = opened
    settled(arrived(b"v1", sent_at=day(1)))
    a, b = arrived(content, sent_at=day(sent)), arrived(b"v2", sent_at=day(5))
    settled(b)
    [outcome] = settled(a)
    assert (outcome.kind, outcome.digest) == (kind, digest_of(b"v1"))
    [known] = index.current("s")
    assert known.digest == digest_of(current)
    returned = [(day(9), short(b"v1"))] if sent == 9 else []
    assert history(index) == [(day(1), short(b"v1")), (day(5), short(b"v2")), *returned]


@pytest.mark.parametrize("sent", [2, 9])
def test_the_same_bytes_of_two_runs(opened, arrived, settled, sent):
    """Are new once, whichever run asked first."""
    _, index = opened
    settled(arrived(b"v1", sent_at=day(1)))
    a, b = arrived(b"v2", sent_at=day(sent)), arrived(b"v2", sent_at=day(5))
    assert [settled(one)[0].kind for one in (b, a)] == [Kind.UPDATED, Kind.UNCHANGED]
    [known] = index.current("s")
    assert (known.checked_at, known.changed_at) == (day(max(5, sent)), day(min(5, sent)))
    assert len(history(index)) == 2

"""What is committed at once, and how what has come is collected."""

import multiprocessing
import os
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from answers import answered, requested

from airnub_common import digest_of
from airnub_core import (
    ApiSource,
    ContentStore,
    FileSource,
    PageSource,
    Status,
    StoreLocation,
    commit,
    open_store,
    reindex,
)
from airnub_core.commit import BATCH_BYTES, CommitQueue, commit_batch
from airnub_core.errors import HttpStatusError, StoreError
from airnub_core.http.request import Response
from airnub_core.items import Item
from airnub_core.sample_site import Reply
from airnub_core.store.clock import time_of, timestamp
from airnub_core.store.factory import open_for_writing
from airnub_core.store.index import Run, SqliteIndex
from airnub_core.store.manifest import url_digest
from airnub_core.store.stager import Stager
from airnub_core.store.staging_folder import StagingFolder
from airnub_core.store.withdrawal import Withdrawal, withdraw

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
    with StagingFolder(tmp_path / ".airnub" / "staging") as staging:
        stager = Stager(staging.folder, "own")

        def one(content=None, url=URL, source="s", sent_at=None, etag=None, last_modified=None):
            digest = url_digest(url)
            known = index.lookup(source, [digest]).get(digest)
            before = None if known is None else known.digest
            headers = {name: value for name, value in (("etag", etag), ("last-modified", last_modified)) if value}
            request = requested(url, source, previous_digest=before, known=known)
            came = answered(request, headers=headers, sent_at=sent_at or timestamp(time.time()), attempts=2)
            return came if content is None else came._replace(staged=stager.stage(content, came, "weather.csv"))

        yield one
        stager.close()


@pytest.fixture
def settled(opened):
    """Settle arrivals, all of which must be certain; their outcomes."""

    def all_of(*arrivals):
        outcomes, error = commit_batch(*opened, arrivals)
        assert error is None
        return outcomes

    return all_of


def test_an_outcome_says_what_there_is(opened, arrived, settled, tmp_path):
    """What it names is in the store, and the index knows the same; no secret is in either."""
    _, index = opened
    [outcome] = settled(arrived(b"old", etag='"1"'))
    assert (outcome.source, outcome.kind, outcome.attempts) == ("s", Status.STORED, 2)
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
    assert kinds == [Status.STORED, Status.UPDATED, Status.UNCHANGED, Status.UPDATED]
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
    assert (again.kind, again.digest, again.path, again.size) == (Status.UNCHANGED, first.digest, first.path, 3)
    assert (known.etag, known.last_modified) == ('"2"', "Mon")
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
    assert [outcome.kind for outcome in outcomes] == [Status.STORED, Status.UNCHANGED, Status.STORED]
    assert [outcome.size for outcome in outcomes] == [1, 3, 1]


def test_what_cannot_be_stored_keeps_nothing_else_from_it(opened, arrived, tmp_path):
    """It has no outcome and no row, the error says why, and the others have both."""
    (tmp_path / "t").write_bytes(b"in the way")
    outcomes, error = commit_batch(*opened, [arrived(b"1"), arrived(b"2", source="t"), arrived(b"3", url="http://h/3")])
    assert [outcome and outcome.kind for outcome in outcomes] == [Status.STORED, None, Status.STORED]
    assert str(tmp_path / "t") in str(error)
    _, index = opened
    assert (len(index.current("s")), index.current("t")) == (2, [])


def test_a_batch_that_the_disk_does_not_take_is_an_error_of_the_store(opened, arrived):
    """Nothing of it is called stored."""
    arrival = arrived(b"1")
    in_the_way = Path(arrival.staged.home, "redo-1.json")
    in_the_way.mkdir()
    with pytest.raises(StoreError, match=in_the_way.name):
        commit_batch(*opened, [arrival])
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
    assert [settled(one)[0].kind for one in (b, a)] == [Status.STORED, Status.STORED]
    [known] = index.current("s")
    assert (known.digest, known.checked_at) == (digest_of(b"v2"), day(2))
    assert history(index) == [(day(1), short(b"v1")), (day(2), short(b"v2"))]


def test_a_later_answer_replaces_what_another_run_has_recorded(opened, arrived, settled):
    """And is an update of that."""
    _, index = opened
    settled(arrived(b"v0", sent_at=day(1)))
    a, b = arrived(b"v2", sent_at=day(3)), arrived(b"v1", sent_at=day(2))
    assert [settled(one)[0].kind for one in (b, a)] == [Status.UPDATED, Status.UPDATED]
    assert history(index) == [(day(number + 1), short(b"v%d" % number)) for number in range(3)]


@pytest.mark.parametrize(("sent", "kind", "current"), [(2, Status.UNCHANGED, b"v2"), (9, Status.UPDATED, b"v1")])
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
    assert [settled(one)[0].kind for one in (b, a)] == [Status.UPDATED, Status.UNCHANGED]
    [known] = index.current("s")
    assert (known.checked_at, known.changed_at) == (day(max(5, sent)), day(min(5, sent)))
    assert len(history(index)) == 2


# --- many items at a time


AT = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def writing(tmp_path):
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
def made(writing, items, told):
    """Batches of three items; closed at the end, if they are not before."""
    begun = CommitQueue(writing.store, writing.index, items, told.append, 3, Run("r", AT))
    yield begun
    with suppress(StoreError, ValueError):  # `close` has raised it
        begun._thread.close()


@pytest.fixture
def come(made, writing, items):
    """Items come, each with bytes of its own."""
    stager = Stager(writing.staging.folder, "own")

    def staged(*numbers, source="s"):
        for number in numbers:
            came = answered(requested(items[number].url, source, number), headers={"etag": '"1"'}, attempts=2)
            made.add([came._replace(staged=stager.stage(b"%d" % number, came, "a.csv"))])

    yield staged
    stager.close()


@pytest.fixture
def slow(writing, monkeypatch):
    """A store that publishes nothing before the test says so."""
    go_on, publish = threading.Event(), writing.store.publish

    def later(batch):
        assert go_on.wait(60)
        return publish(batch)

    monkeypatch.setattr(writing.store, "publish", later)
    yield go_on
    go_on.set()


def until_settled(made):
    """Wait until what is under way is settled: one thread does that, in order."""
    done = threading.Event()
    made._thread.put(done.set)
    assert done.wait(60)


def test_a_full_batch_is_settled(made, come, told, writing):
    """And none that is not; outcomes have the order of the items, whatever came first."""
    come(4, 2)
    made.commit_due()
    until_settled(made)
    assert told == []
    come(7)
    made.commit_due()
    until_settled(made)
    [outcomes] = told
    assert [one.url for one in outcomes] == [f"http://h/{number}?token=***" for number in (4, 2, 7)]
    assert {(one.kind, one.attempts) for one in outcomes} == {(Status.STORED, 2)}
    assert [made.outcomes.index(one) for one in outcomes] == [4, 2, 7]
    assert made.outcomes.count(None) == 7
    assert {row.url for row in writing.index.current("s")} == {one.url for one in outcomes}


def test_what_has_waited_long_is_settled(made, come, told, monkeypatch):
    """By the first that came."""
    now = [1000.0]
    monkeypatch.setattr(commit, "monotonic", lambda: now[0])
    come(1)
    now[0] += commit._LONGEST_WAIT - 0.1
    come(2)
    made.commit_due()
    until_settled(made)
    assert told == []
    now[0] += 0.1
    made.commit_due()
    until_settled(made)
    assert [len(outcomes) for outcomes in told] == [2]
    come(3)
    made.commit_due()
    until_settled(made)
    assert [len(outcomes) for outcomes in told] == [2]


def test_much_is_settled(made, come, told, monkeypatch):
    """Few items may be many bytes."""
    monkeypatch.setattr(commit, "BATCH_BYTES", 2)
    assert BATCH_BYTES > 2
    come(1)
    made.commit_due()
    until_settled(made)
    assert told == []
    come(2)
    made.commit_due()
    come(3)
    made.commit_due()
    until_settled(made)
    assert [len(outcomes) for outcomes in told] == [2]


def test_what_is_due_now_is_settled(made, come, told):
    """And nothing where nothing has come."""
    made.commit_due(now=True)
    until_settled(made)
    assert told == []
    come(1)
    made.commit_due(now=True)
    until_settled(made)
    assert [len(outcomes) for outcomes in told] == [1]


def test_the_rest_is_settled_at_the_end(made, come, told):
    """Whoever closes waits for it."""
    come(0, 1, 2)
    made.commit_due()
    come(3)
    made.close()
    assert [len(outcomes) for outcomes in told] == [3, 1]
    assert [one is not None for one in made.outcomes] == [True] * 4 + [False] * 6


def test_whoever_adds_does_not_wait(made, come, slow, told):
    """It is told that more comes than can be settled; then it is no more."""
    for number in range(3):
        assert not made.is_behind or number == 2
        come(number)
        made.commit_due(now=True)
    assert (made.is_behind, told, made.has_failed) == (True, [], False)
    slow.set()
    until_settled(made)
    assert not made.is_behind
    assert [len(outcomes) for outcomes in told] == [1, 1, 1]


def test_an_item_that_cannot_be_had_has_its_outcome_at_once(made, told, items):
    """With its error, after as many attempts as it says, and without secrets."""
    error = HttpStatusError("http://h/3?token=***", 404)
    error.attempts = 4
    made.add([Response(requested(items[3].url, number=3), 4, error)])
    [[outcome]] = told
    assert made.outcomes[3] is outcome
    assert (outcome.source, outcome.kind, outcome.attempts, outcome.error) == ("s", Status.FAILED, 4, error)
    assert outcome.url == "http://h/3?token=***"


def test_what_is_not_certain_is_told_to_nobody(made, told, come):
    """It has no outcome."""
    come(1)
    made.close()
    [[outcome]] = told
    made.report([5, 6], [None, outcome])
    assert told[1] == [outcome]
    assert (made.outcomes[5], made.outcomes[6]) == (None, outcome)


def test_what_is_unchanged_takes_no_bytes(made, come, writing, items, told):
    """It is settled with those that do."""
    come(1)
    made.commit_due(now=True)
    until_settled(made)
    digest = url_digest(items[1].url)
    known = writing.index.lookup("s", [digest])[digest]
    made.add([answered(requested(items[1].url, number=1, known=known), status=304)])
    come(2)
    made.close()
    assert [[one.kind for one in outcomes] for outcomes in told] == [[Status.STORED], [Status.UNCHANGED, Status.STORED]]


def test_claims_are_released_when_the_index_knows(made, come, writing, items, told, monkeypatch):
    """Before anybody is told: whoever asks next finds it done."""
    released = []
    monkeypatch.setattr(
        writing.index,
        "release",
        lambda digests: released.append((sorted(digests), len(writing.index.current("s")), len(told))),
    )
    come(1, 2)
    made.close()
    assert released == [(sorted(url_digest(items[number].url) for number in (1, 2)), 2, 0)]


def test_what_cannot_be_settled_is_an_error_at_the_end(made, come, writing, tmp_path, told):
    """What could be is told before, and what comes later is settled all the same."""
    (tmp_path / "t").write_bytes(b"in the way")
    come(1)
    come(2, source="t")
    made.commit_due(now=True)
    until_settled(made)
    assert made.has_failed
    come(3)
    with pytest.raises(StoreError, match=str(tmp_path / "t")):
        made.close()
    assert [[one.url for one in outcomes] for outcomes in told] == [["http://h/1?token=***"], ["http://h/3?token=***"]]
    assert made.outcomes[2] is None
    assert len(writing.index.current("s")) == 2


def test_whoever_hears_outcomes_may_raise(writing, items):
    """It is raised at the end, and all is settled."""

    def refuse(_outcomes):
        raise ValueError("heard enough")

    made = CommitQueue(writing.store, writing.index, items, refuse, 3, Run("r", AT))
    stager, came = Stager(writing.staging.folder, "own"), answered(requested(items[1].url, number=1))
    made.add([came._replace(staged=stager.stage(b"1", came, "a.csv"))])
    stager.close()
    with pytest.raises(ValueError, match="heard enough"):
        made.close()
    assert len(writing.index.current("s")) == 1


GONE = Reply(b"gone\n", status=410)


# Store and index know nothing of each other: each kind is met once, in half the time of all four pairs.
@pytest.fixture(params=["folder, SQLite", pytest.param("bucket, PostgreSQL", marks=pytest.mark.system)])
def place(request, tmp_path):
    """An empty store of each kind, with an index of each kind."""
    objects, _, index = request.param.partition(", ")
    index = request.getfixturevalue("postgres_url") if index == "PostgreSQL" else None
    if objects == "folder":
        return StoreLocation(tmp_path / "store", index)
    return StoreLocation(request.getfixturevalue("s3").bucket(), index, tmp_path / "local")


@pytest.fixture
def source(site):
    """Two files, whose URLs are withdrawn when they are gone. An answer may take as long as a whole run beside it."""
    site.routes |= {"/a": Reply(b"a"), "/b": Reply(b"b")}
    return FileSource(name="s", urls=[site.url("/a"), site.url("/b")], on_gone="withdraw", stall_timeout=120)


@pytest.fixture
def kinds(run, place):
    """Run sources; how their items ended."""
    return lambda *sources, **options: [one.kind.value for one in run(*sources, root=place, **options)]


def current(place, source="s"):
    with open_store(place) as (_, index):
        return [row.url.rpartition("/")[2] for row in index.current(source)]


def versions(place, url):
    with open_store(place) as (_, index):
        return [version.digest for version in index.versions("s", url_digest(url))]


def forget(place, url, source="s"):
    """As `store forget` does."""
    with open_store(place) as (store, index):
        now = time_of(index)
        return withdraw(store, index, [Withdrawal(source, url_digest(url), url, now, "store forget")])


def test_two_runs_in_a_row_withdraw_a_url(run, place, site, source):
    """The first is a failure that says what comes; then the URL is gone, stays so, and its versions can be read."""
    run(source, root=place)
    site.routes["/a"] = GONE
    first, other = run(source, root=place)
    assert (first.kind, other.kind) == (Status.FAILED, Status.UNCHANGED)
    assert first.error == HttpStatusError(site.url("/a"), 410)
    assert "found 410 Gone; if the next run finds the same, the URL is withdrawn" in str(first.error)
    assert current(place) == ["a", "b"]
    for note in ("status 410 in two runs in a row: withdrawn", "is withdrawn"):
        second, _ = run(source, root=place)
        assert (second.kind, second.error, second.note) == (Status.GONE, None, note)
        assert current(place) == ["b"]
    assert len(versions(place, site.url("/a"))) == 1
    reindex(place)
    assert current(place) == ["b"]
    assert len(versions(place, site.url("/a"))) == 1


@pytest.mark.parametrize("between", [Reply(b"a"), Reply(b"new"), Reply(b"busy", status=503)])
def test_another_answer_in_between_starts_again(kinds, place, site, source, between):
    """Also one without content: the two runs are not in a row then."""
    kinds(source)
    answers = [GONE, between, GONE, GONE]
    ended = []
    for answer in answers:
        site.routes["/a"] = answer
        ended.append(kinds(source)[0])
    assert ended[0] == ended[2] == "failed"
    assert ended[3] == "gone"


def test_keep_is_the_default(kinds, place, site, source):
    """Such an item fails in every run, and its object stays current."""
    source = FileSource(name="s", urls=source.urls)
    kinds(source)
    site.routes["/a"] = GONE
    assert [kinds(source)[0] for _ in range(3)] == ["failed"] * 3
    assert current(place) == ["a", "b"]


def test_a_url_that_never_was_fails_in_every_run(run, place, site):
    """A misspelt URL must not end as gone; nothing is promised for the next run."""
    source = FileSource(name="s", urls=[site.url("/nothing")], on_gone="withdraw")
    for _ in range(3):
        [outcome] = run(source, root=place)
        assert outcome.kind is Status.FAILED
        assert str(outcome.error).endswith("expected status 200, found 404 Not Found")


@pytest.mark.parametrize("content", [b"a", b"new"])
def test_a_url_that_comes_back_is_new(kinds, place, site, source, content):
    """With its old bytes or with others; a new index has it too, with its versions."""
    kinds(source)
    forget(place, site.url("/a"))
    reindex(place)
    assert current(place) == ["b"]
    site.routes["/a"] = Reply(content)
    assert kinds(source) == ["stored", "unchanged"]
    assert current(place) == ["a", "b"]
    assert len(versions(place, site.url("/a"))) == 2
    reindex(place)
    assert current(place) == ["a", "b"]
    assert kinds(source) == ["unchanged", "unchanged"]
    forget(place, site.url("/a"))
    reindex(place)
    assert current(place) == ["b"]


def test_attempts_of_one_run_count_once(kinds, place, site, source):
    """An engine that is opened again for the same run is not the next one."""
    kinds(source)
    site.routes["/a"] = GONE
    assert [kinds(source, run="one")[0] for _ in range(3)] == ["failed"] * 3
    assert kinds(source, run="two")[0] == "gone"


def test_a_link_that_its_page_does_not_name(run, place, site):
    """The first time it is not an item; then it is gone. A page that cannot be read says nothing about its links."""
    page, less = (Reply("".join(f"<a href={name}>" for name in names).encode()) for names in ("ab", "b"))
    site.routes |= {"/a": Reply(b"a"), "/b": Reply(b"b"), "/page": page}
    source = PageSource(name="s", page=site.url("/page"), links="a", on_gone="withdraw")

    def kinds(reply):
        site.routes["/page"] = reply
        return [(one.url.rpartition("/")[2], one.kind.value) for one in run(source, root=place)]

    kinds(page)
    assert kinds(less) == [("b", "unchanged")]
    assert kinds(page) == [("a", "unchanged"), ("b", "unchanged")]
    kinds(less)
    assert kinds(Reply(b"busy", status=503)) == [("page", "failed")]
    assert kinds(less) == [("b", "unchanged")]
    assert current(place) == ["a", "b"]
    assert kinds(less) == [("b", "unchanged"), ("a", "gone")]
    assert current(place) == ["b"]
    assert kinds(less) == [("b", "unchanged")]
    assert kinds(page) == [("a", "stored"), ("b", "unchanged")]


def test_links_of_a_sitemap(run, place, site):
    """One that is listed and answers 404 in two runs is gone, and so is one that is not listed any more."""

    def sitemap(*names):
        return Reply(
            "".join(f"{site.url(f'/{name}')}\n" for name in names).encode(), headers={"content-type": "text/plain"}
        )

    site.routes |= {"/a": Reply(b"a"), "/b": Reply(b"b"), "/c": Reply(b"c"), "/sitemap.txt": sitemap(*"abc")}
    source = PageSource(name="s", sitemap=site.url("/sitemap.txt"), on_gone="withdraw")

    def kinds():
        return [(one.url.rpartition("/")[2], one.kind.value) for one in run(source, root=place)]

    kinds()
    site.routes |= {"/a": Reply(status=404), "/sitemap.txt": sitemap(*"ac")}
    assert kinds() == [("a", "failed"), ("c", "unchanged")]
    assert kinds() == [("a", "gone"), ("c", "unchanged"), ("b", "gone")]
    assert kinds() == [("a", "gone"), ("c", "unchanged")]
    assert current(place) == ["c"]


def test_a_list_of_links_goes_with_its_page(run, place, site):
    """Where the links are not downloaded, the list is the item, under the URL of the page: that is asked again when the
    failures of a run are.
    """
    site.routes["/page"] = Reply(b"<a href=a>")
    source = PageSource(name="s", page=site.url("/page"), links="a", download=False, on_gone="withdraw")
    run(source, root=place)
    site.routes["/page"] = GONE
    ended = [run(source, root=place)[0] for _ in range(2)]
    assert [one.kind for one in ended] == [Status.FAILED, Status.GONE]
    assert [one.url for one in ended] == [source.page] * 2
    assert current(place) == []


def test_the_records_of_an_api_go_with_it(run, place, site):
    """With the raw answer of its URL. A later page that is gone is a failure, whatever the source says."""
    site.routes["/api"] = Reply(b'{"items": [{"id": 1}], "next": null}')
    source = ApiSource(
        name="s",
        url=site.url("/api"),
        records="items",
        pages={"kind": "cursor", "param": "cursor", "next": "next"},
        on_gone="withdraw",
    )
    run(source, root=place)
    assert current(place) == ["api", "api"]

    def only_first(asked):
        return GONE if asked.params else Reply(b'{"items": [{"id": 1}], "next": "2"}')

    site.routes["/api"] = only_first
    assert [run(source, root=place)[0].kind for _ in range(3)] == [Status.FAILED] * 3
    site.routes["/api"] = GONE
    ended = [run(source, root=place)[0] for _ in range(2)]
    assert [(one.kind, one.url) for one in ended] == [(Status.FAILED, source.url), (Status.GONE, source.url)]
    assert current(place) == []


def test_two_runs_at_once_are_one_finding(run, place, site, source):
    """A run that began before the other one had noted the URL does not count as the next one.

    With `force` a worker that shares the index does not wait for the other one.
    """
    run(source, root=place)
    seen = []

    def gone_for_both(_asked):
        if not seen:
            seen.append(None)
            seen[0] = run(source, root=place, force=True)[0].kind
        return GONE

    site.routes["/a"] = gone_for_both
    [outer, _] = run(source, root=place)
    assert (seen, outer.kind) == ([Status.FAILED], Status.FAILED)
    assert run(source, root=place)[0].kind is Status.GONE


def test_a_later_answer_of_a_run_beside_wins(run, place, site, source):
    """It finds the URL while this run is about to withdraw it: the URL stays, and this run's item fails."""
    run(source, root=place)
    site.routes["/a"] = GONE
    run(source, root=place)

    def back_for_the_other(_asked):
        site.routes["/a"] = Reply(b"new")
        assert run(source, root=place, force=True)[0].kind is Status.UPDATED
        return GONE

    site.routes["/a"] = back_for_the_other
    assert run(source, root=place)[0].kind is Status.FAILED
    assert current(place) == ["a", "b"]
    reindex(place)
    assert current(place) == ["a", "b"]


def test_an_earlier_answer_does_not_bring_a_url_back(run, place, site, source):
    """A URL that is withdrawn while its answer is on its way stays so; the answer is history."""
    run(source, root=place)

    def slow(_asked):
        forget(place, site.url("/a"))
        return Reply(b"new")

    site.routes["/a"] = slow
    run(source, root=place)
    assert current(place) == ["b"]
    assert len(versions(place, site.url("/a"))) == 2


@contextmanager
def killed_at(owner, name, *, before):
    """The process that calls a method of a class ends there."""
    original = getattr(owner, name)

    def dying(*arguments):
        if not before:
            original(*arguments)
        os._exit(9)

    setattr(owner, name, dying)
    try:
        yield
    finally:
        setattr(owner, name, original)


@pytest.mark.parametrize(
    ("owner", "name", "before"),
    [(SqliteIndex, "withdraw", True), (ContentStore, "withdraw", True), (SqliteIndex, "written", True)],
)
@pytest.mark.parametrize("then", ["a run", "a run that finds it", "reindex"])
def test_killed_in_between(run, tmp_path, site, source, owner, name, before, then):
    """The next run, or a new index, does the rest: index and store never say different things afterwards."""
    place = StoreLocation(tmp_path / "store")
    run(source, root=place)
    site.routes["/a"] = GONE
    run(source, root=place)
    with killed_at(owner, name, before=before):
        process = multiprocessing.get_context("fork").Process(target=lambda: run(source, root=place, processes=1))
        process.start()
        process.join()
        assert process.exitcode == 9
    is_begun = name != "withdraw" or owner is ContentStore
    if then == "reindex":
        reindex(place)
        assert current(place) == (["b"] if is_begun else ["a", "b"])
        return
    if then == "a run":
        assert run(source, root=place)[0].kind is Status.GONE
        expected = ["b"]
    else:
        site.routes["/a"] = Reply(b"a")
        assert run(source, root=place)[0].kind is (Status.STORED if is_begun else Status.UNCHANGED)
        expected = ["a", "b"]
    assert current(place) == expected
    reindex(place)
    assert current(place) == expected

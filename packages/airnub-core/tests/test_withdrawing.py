"""Withdrawing, by runs of all three kinds of source, on both stores and both indexes."""

import multiprocessing
import os
from contextlib import contextmanager

import pytest

from airnub_core import ApiSource, FileSource, PageSource, Status, StoreLocation, open_store, reindex
from airnub_core.errors import HttpStatusError
from airnub_core.sample_site import Reply
from airnub_core.store.clock import time_of
from airnub_core.store.index import SqliteIndex
from airnub_core.store.manifest import url_digest
from airnub_core.store.objects import ContentStore
from airnub_core.store.withdrawal import Withdrawal, withdraw

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
    for note in ("answered 410 in two runs in a row: withdrawn", "is withdrawn"):
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

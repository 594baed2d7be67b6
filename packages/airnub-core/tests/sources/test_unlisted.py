"""URLs that were taken out of the settings, by runs of all three kinds of source."""

import pytest

from airnub_core import ApiSource, FileSource, PageSource, reindex
from airnub_core.sample_site import Reply
from airnub_core.store.clock import elapsed, timestamp
from airnub_core.store.factory import open_store
from airnub_core.store.manifest import url_digest
from airnub_core.store.withdrawal import Withdrawal, withdraw


@pytest.fixture
def warnings(run, tmp_path):
    """Run sources into one store; the warnings of their outcomes."""
    return lambda *sources: [one.warning for one in run(*sources, root=tmp_path / "store")]


def warning(which, *urls):
    return (
        f"the settings do not list {which} of s any more; current in the store: {', '.join(urls)}; "
        "`store forget URL` withdraws one"
    )


def test_a_file_that_is_not_listed_any_more(warnings, tmp_path, site):
    """It is named by the first outcome of its source, until it is listed again or withdrawn."""
    urls = [site.url(f"/{name}") for name in "abc"]
    site.routes |= {f"/{name}": Reply(name.encode()) for name in "abc"}
    other = FileSource(name="t", urls=urls[:1])
    assert warnings(FileSource(name="s", urls=urls), other) == [None] * 4
    fewer = FileSource(name="s", urls=urls[1:])
    assert warnings(other, fewer) == [None, warning("1 URL", urls[0]), None]
    assert warnings(FileSource(name="s", urls=urls)) == [None] * 3
    with open_store(tmp_path / "store") as (store, index):
        now = timestamp(elapsed() + index.clock())
        assert withdraw(store, index, [Withdrawal("s", url_digest(urls[0]), urls[0], now, "store forget")]) == [True]
    assert warnings(fewer) == [None, None]


def test_two_sources_of_one_name_list_together(warnings, site):
    """What one of them lists is not missing in the other."""
    site.routes |= {"/a": Reply(b"a"), "/b": Reply(b"b")}
    sources = [FileSource(name="s", urls=[site.url(path)]) for path in ("/a", "/b")]
    assert [warnings(*sources) for _ in range(2)] == [[None, None]] * 2


def test_of_many_urls_the_first_are_named(warnings, site):
    """And their number is."""
    site.routes |= {f"/{number}": Reply(b"%d" % number) for number in range(9)}
    urls = [site.url(f"/{number}") for number in range(9)]
    warnings(FileSource(name="s", urls=urls))
    assert warnings(FileSource(name="s", urls=urls[:1])) == [warning("8 URLs", *urls[1:5], f"{urls[5]} and 3 more")]


def test_a_listed_url_that_fails_hides_none(warnings, site):
    """What is current is counted; a file that failed this time is current as well."""
    site.routes |= {f"/{name}": Reply(name.encode()) for name in "abc"}
    urls = [site.url(f"/{name}") for name in "abc"]
    warnings(FileSource(name="s", urls=urls))
    del site.routes["/b"]
    assert warnings(FileSource(name="s", urls=urls)) == [None] * 3
    assert warnings(FileSource(name="s", urls=urls[1:])) == [warning("1 URL", urls[0]), None]


@pytest.mark.parametrize("records", ["items", None])
def test_an_api_whose_url_was_changed(warnings, site, records):
    """What came from both is current; the URL before is named, once and without a fragment."""
    site.routes["/api"] = Reply(b'{"items": [{"id": 1}]}')
    sources = [ApiSource(name="s", url=site.url("/api"), params={"days": days}, records=records) for days in (1, 2)]
    assert warnings(sources[0]) == [None]
    assert [warnings(sources[1]) for _ in range(2)] == [[warning("1 URL", site.url("/api?days=1"))]] * 2


def test_an_api_whose_urls_come_from_its_answers(warnings, site):
    """Of an incremental one each run asks for another URL, and each page has its own: none of them was listed."""

    def answer(asked):
        return Reply(b'{"items": [{"id": 2}]}' if asked.params else b'{"items": [{"id": 1}]}')

    site.routes["/api"] = answer
    incremental = ApiSource(
        name="s", url=site.url("/api"), records="items", incremental={"field": "id", "param": "since"}
    )
    assert [warnings(incremental) for _ in range(3)] == [[None]] * 3
    site.routes["/pages"] = lambda asked: Reply(b'{"next": null}' if asked.params else b'{"next": "2"}')
    pages = {"kind": "cursor", "param": "cursor", "next": "next"}
    assert warnings(ApiSource(name="p", url=site.url("/pages"), pages=pages)) == [None, None]


def test_a_list_of_links_whose_page_was_changed(warnings, tmp_path, site):
    """The list of the page before is current as well; its URL is named, also with a new index."""
    site.routes |= {"/old": Reply(b"<a href=a>"), "/new": Reply(b"<a href=b>")}
    old, new = (PageSource(name="s", page=site.url(path), links="a", download=False) for path in ("/old", "/new"))
    assert warnings(old) == [None]
    assert warnings(new) == [warning("1 URL", site.url("/old"))]
    reindex(tmp_path / "store")
    assert warnings(new) == [warning("1 URL", site.url("/old"))]

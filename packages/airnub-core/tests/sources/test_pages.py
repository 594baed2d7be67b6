"""Links on pages, from a real site."""

import asyncio
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core import PageSource, Status, ingest_pages, open_engine
from airnub_core.errors import (
    HttpStatusError,
    PageError,
    RefusedUrlError,
    RobotsRefusedError,
    StoreError,
    TooLargeError,
)
from airnub_core.sample_site import Reply
from airnub_core.sources import pages
from airnub_core.sources.html import MAX_PAGE_BYTES
from airnub_core.sources.pages import links_in_sitemap
from airnub_core.store.manifest import Manifest

HTML = {"Content-Type": "text/html; charset=utf-8"}


def html(body):
    """A page."""
    return Reply(body.encode(), headers=HTML)


@pytest.fixture
def page(site):
    """The source of a page with two links to files, and what else stands on pages."""
    site.routes |= {
        "/reports/": html(
            '<a href="a.pdf">Report  A</a> <a href="b.pdf#p2">B</a> <a href="mailto:x@y">mail</a>'
            '<a href="b.pdf">again</a>'
        ),
        "/reports/a.pdf": Reply(b"%PDF a"),
        "/reports/b.pdf": Reply(b"%PDF b"),
    }
    return PageSource(name="reports", page=site.url("/reports/"), links="a")


def manifest_of(root, outcome):
    """What is written beside an object."""
    return Manifest.read(root / outcome.manifest)


def test_what_a_page_links_to_is_fetched(site, run, page, tmp_path):
    """Each URL once; the manifest names the page and the text of the link."""
    a, b = run(page)
    assert [(outcome.kind, outcome.url) for outcome in (a, b)] == [
        (Status.STORED, site.url("/reports/a.pdf")),
        (Status.STORED, site.url("/reports/b.pdf")),
    ]
    manifest = manifest_of(tmp_path, a)
    assert (manifest.page, manifest.title) == (site.url("/reports/"), "Report A")
    assert {outcome.kind for outcome in run(page)} == {Status.UNCHANGED}


def test_one_dead_link_does_not_stop_the_others(site, run, page):
    """It fails alone."""
    del site.routes["/reports/a.pdf"]
    a, b = run(page)
    assert a.error == HttpStatusError(site.url("/reports/a.pdf"), 404)
    assert b.kind is Status.STORED


def test_a_list_of_links_instead_of_files(site, run, page, tmp_path):
    """`download: false`: one object, with URLs and titles, and nothing that is linked to is asked for."""
    listing = page.model_copy(update={"download": False})
    [outcome] = run(listing)
    assert (outcome.kind, outcome.url) == (Status.STORED, site.url("/reports/"))
    assert json.loads((tmp_path / outcome.path).read_bytes()) == [
        {"url": site.url("/reports/a.pdf"), "title": "Report A"},
        {"url": site.url("/reports/b.pdf"), "title": "B"},
    ]
    assert outcome.path.endswith("/reports.links.json")
    assert {asked.path for asked in site.asked} == {"/robots.txt", "/reports/"}
    assert [outcome.kind for outcome in run(listing)] == [Status.UNCHANGED]
    site.routes["/reports/"] = html("<a href=c.pdf>C</a>")
    assert [outcome.kind for outcome in run(listing)] == [Status.UPDATED]


def test_links_with_secrets_are_listed_without_them(site, run, everything_in):
    """The list is written down like anything else; the file itself is asked for as the link says."""
    site.routes |= {
        "/": html('<a href="/f?sig=s3cret">x</a>'),
        "/f": lambda asked: Reply(asked.params["sig"][:2].encode()),
    }
    source = PageSource(name="s", page=site.url("/"), links="a")
    [outcome] = run(source)
    run(source.model_copy(update={"download": False}))
    assert outcome.kind is Status.STORED
    assert {"sig": "s3cret"} in [asked.params for asked in site.asked]
    assert not [name for name, content in everything_in().items() if b"s3cret" in content]
    assert "s3cret" not in str(outcome.as_json())


def test_links_start_from_where_the_page_came_from(site, run):
    """After a redirect, or as its base element says."""
    site.routes |= {
        "/old": Reply(status=301, headers={"Location": "/new/page"}),
        "/new/page": html("<a href=a>x</a>"),
        "/based": html('<base href="/new/"><a href=a>x</a>'),
        "/new/a": Reply(b"x"),
    }
    for path in ("/old", "/based"):
        [outcome] = run(PageSource(name="s", page=site.url(path), links="a"))
        assert outcome.url == site.url("/new/a")


def test_another_encoding(site, run, tmp_path):
    """As its header says."""
    site.routes |= {
        "/": Reply("<a href=a>größe</a>".encode("latin-1"), headers={"Content-Type": "text/html; charset=latin-1"}),
        "/a": Reply(b"x"),
    }
    [outcome] = run(PageSource(name="s", page=site.url("/"), links="a"))
    assert manifest_of(tmp_path, outcome).title == "größe"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(status=404), HttpStatusError),
        (Reply(b""), PageError),
        (Reply(b"<a href=javascript:x>"), PageError),
        (Reply(b"<div>" * 100_000), PageError),
    ],
)
def test_a_page_that_cannot_be_read_is_one_failed_item(site, run, reply, error):
    """Missing, empty, without links or without end."""
    site.routes["/"] = reply
    [outcome] = run(PageSource(name="s", page=site.url("/"), links="a"))
    assert (outcome.kind, outcome.url, type(outcome.error)) == (Status.FAILED, site.url("/"), error)


def test_a_page_larger_than_its_limit_is_one_failed_item(site, run):
    """The limit of the source counts for its pages too."""
    site.routes["/"] = html("<a href=a>x</a>" + " " * 2000)
    [outcome] = run(PageSource(name="s", page=site.url("/"), links="a", max_bytes=1000))
    assert isinstance(outcome.error, TooLargeError)


def test_one_bad_page_does_not_stop_the_others(site, run, page):
    """Sources are apart."""
    bad, a, b = run(PageSource(name="bad", page=site.url("/missing"), links="a"), page)
    assert (bad.kind, a.kind, b.kind) == (Status.FAILED, Status.STORED, Status.STORED)


def test_outcomes_are_in_the_order_of_sources_and_links(site, run, page):
    """Whatever failed, was refused, only listed or fetched."""
    site.routes |= {
        "/robots.txt": Reply(b"User-agent: *\nDisallow: /reports/a\n"),
        "/other/": html("<a href=1>1</a><a href=/reports/a.pdf>a</a><a href=2>2</a>"),
        "/other/2": Reply(b"2"),
    }
    other = PageSource(name="other", page=site.url("/other/"), links="a")
    listed = page.model_copy(update={"name": "listed", "download": False})
    outcomes = run(page, PageSource(name="bad", page=site.url("/missing"), links="a"), other, listed)
    assert [(outcome.source, outcome.url.removeprefix(site.url("")), outcome.kind.value) for outcome in outcomes] == [
        ("reports", "/reports/a.pdf", "failed"),
        ("reports", "/reports/b.pdf", "stored"),
        ("bad", "/missing", "failed"),
        ("other", "/other/1", "failed"),
        ("other", "/reports/a.pdf", "failed"),
        ("other", "/other/2", "stored"),
        ("listed", "/reports/", "stored"),
    ]


def test_two_sources_may_link_to_the_same_file(site, run, page):
    """Each has it in its own folder."""
    outcomes = run(page, page.model_copy(update={"name": "again"}))
    assert [outcome.source for outcome in outcomes] == ["reports", "reports", "again", "again"]
    assert {outcome.kind for outcome in outcomes} == {Status.STORED}


# --- robots.txt


def test_what_robots_txt_refuses_is_not_asked_for(site, run, page):
    """A link fails by itself; the others are fetched."""
    site.routes["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /reports/a\n")
    outcomes = {outcome.url: outcome for outcome in run(page)}
    refused = outcomes[site.url("/reports/a.pdf")]
    assert refused.error == RobotsRefusedError(site.url("/reports/a.pdf"))
    assert outcomes[site.url("/reports/b.pdf")].kind is Status.STORED
    assert "/reports/a.pdf" not in [asked.path for asked in site.asked]


def test_a_page_that_robots_txt_refuses_is_not_asked_for(site, run, page):
    """Not even the page."""
    site.routes["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /\n")
    [outcome] = run(page)
    assert isinstance(outcome.error, RobotsRefusedError)
    assert [asked.path for asked in site.asked] == ["/robots.txt"]


@pytest.mark.parametrize(("status", "allowed"), [(404, True), (403, True), (500, False), (503, False)])
def test_robots_txt_that_is_not_there(site, run, page, status, allowed):
    """Missing rules allow everything; a server that is broken allows nothing for now."""
    site.routes["/robots.txt"] = Reply(status=status)
    outcomes = run(page)
    assert {outcome.kind for outcome in outcomes} == {Status.STORED if allowed else Status.FAILED}
    if not allowed:
        assert outcomes[0].error == HttpStatusError(site.url("/robots.txt"), status)


def test_a_large_robots_txt_is_no_hindrance(site, run, page):
    """More than need be read is passed over."""
    site.routes["/robots.txt"] = Reply(b"# padding\n" * 60_000 + b"User-agent: *\nDisallow: /\n")
    assert {outcome.kind for outcome in run(page)} == {Status.STORED}


def test_robots_txt_may_be_elsewhere(site, run, page):
    """A redirect is followed; its rules are those of the host that was asked."""
    site.routes |= {
        "/robots.txt": Reply(status=301, headers={"Location": "/rules"}),
        "/rules": Reply(b"User-agent: *\nDisallow: /reports/a\n"),
    }
    assert [outcome.kind for outcome in run(page)] == [Status.FAILED, Status.STORED]


@pytest.mark.parametrize(("own", "rate"), [(None, 2), (0.5, 0.5), (100, 2)])
def test_a_host_may_ask_for_patience(site, tmp_path, network, page, own, rate):
    """A Crawl-delay is a limit on the rate of its links; one that the source has already counts where it is slower."""
    site.routes["/robots.txt"] = Reply(b"User-agent: *\nCrawl-delay: 0.5\n")
    source = page.model_copy(update={"requests_per_second_per_host": own})

    async def main():
        async with open_engine(tmp_path, network) as engine:
            return await pages._read(engine, source)

    assert [item.network.requests_per_second_per_host for item in asyncio.run(main())] == [rate, rate]


# --- sitemaps


def sitemap(*urls):
    """A sitemap of these URLs."""
    return f"<urlset>{''.join(f'<url><loc>{url}</loc></url>' for url in urls)}</urlset>".encode()


def sitemap_index(*urls):
    """An index of these sitemaps."""
    return f"<sitemapindex>{''.join(f'<sitemap><loc>{url}</loc></sitemap>' for url in urls)}</sitemapindex>".encode()


def test_a_sitemap_is_fetched(site, run):
    """Every page that it lists, each once."""
    site.routes |= {
        "/map.xml": Reply(sitemap(site.url("/a"), site.url("/b"), site.url("/a"))),
        "/a": Reply(b"a"),
        "/b": Reply(b"b"),
    }
    outcomes = run(PageSource(name="s", sitemap=site.url("/map.xml")))
    assert [outcome.url for outcome in outcomes] == [site.url("/a"), site.url("/b")]


def test_an_index_of_sitemaps_is_followed(site, run):
    """Down to compressed ones; one that names itself is not read again."""
    site.routes |= {
        "/index.xml": Reply(sitemap_index(site.url("/1.xml"), site.url("/2.xml.gz"), site.url("/index.xml"))),
        "/1.xml": Reply(sitemap(site.url("/a"))),
        "/2.xml.gz": Reply(gzip.compress(sitemap(site.url("/b"))), headers={"Content-Encoding": "gzip"}),
    }
    [outcome] = run(PageSource(name="s", sitemap=site.url("/index.xml"), download=False))
    assert outcome.kind is Status.STORED
    assert [asked.path for asked in site.asked] == ["/robots.txt", "/index.xml", "/1.xml", "/2.xml.gz"]


@pytest.mark.parametrize("content", [b"<html>", b"<urlset/>", sitemap_index(), gzip.compress(b"<urlset>")])
def test_a_sitemap_that_lists_nothing_is_one_failed_item(site, run, content):
    """Whatever is wrong with it."""
    site.routes["/map.xml"] = Reply(content)
    [outcome] = run(PageSource(name="s", sitemap=site.url("/map.xml")))
    assert isinstance(outcome.error, PageError)


def test_sitemaps_without_end_are_one_failed_item(site, run):
    """It is told from their number, before they are read."""
    site.routes["/map.xml"] = Reply(
        sitemap_index(*(site.url(f"/{number}") for number in range(pages.MAX_SITEMAPS + 1)))
    )
    [outcome] = run(PageSource(name="s", sitemap=site.url("/map.xml")))
    assert "expected at most 1,000 sitemaps" in str(outcome.error)
    assert len(site.asked) == 2


# --- what leads elsewhere


def test_a_link_to_another_scheme_by_redirect_fails(site, run):
    """Also when the link looked harmless."""
    site.routes |= {"/": html("<a href=a>x</a>"), "/a": Reply(status=302, headers={"Location": "file:///etc/passwd"})}
    [outcome] = run(PageSource(name="s", page=site.url("/"), links="a"))
    assert isinstance(outcome.error, RefusedUrlError)


def test_progress_expects_as_many_items_as_there_are_outcomes(site, tmp_path, network, page):
    """Links, refusals, lists and failures."""
    site.routes["/robots.txt"] = Reply(b"User-agent: *\nDisallow: /reports/a\n")
    sources = [
        page,
        page.model_copy(update={"name": "listed", "download": False}),
        PageSource(name="bad", page=site.url("/missing"), links="a"),
    ]
    expected, seen = [], []

    async def main():
        async with open_engine(tmp_path, network, on_expected=expected.append, on_outcome=seen.append) as engine:
            return await ingest_pages(engine, sources)

    outcomes = asyncio.run(main())
    assert sum(expected) == len(outcomes) == len(seen) == 4


def test_a_store_that_fails_ends_all_sources(site, run, page, tmp_path):
    """As an error of the store, when nothing is on its way any more."""
    site.routes["/slow"] = html("<a href=/reports/a.pdf>x</a>")
    run(page)
    (tmp_path / "blocked").write_text("a file where the source's folder should be")
    with pytest.raises(StoreError):
        run(PageSource(name="blocked", page=site.url("/slow"), links="a"), page)


PAGE_URL = "http://page.example/dir/index.html"
SITEMAP = b"""<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
  <!-- pages --><url><loc> http://page.example/a?x=1&amp;y=2 </loc><lastmod>2026-01-01</lastmod></url>
  <url><loc>http://page.example/b#part</loc></url><url><loc>/c</loc></url><url><loc>http://page.example/b</loc></url>
  <url><loc>javascript:alert(1)</loc></url><url><loc/></url><url/>
</urlset>"""
INDEX = (
    b"<sitemapindex><sitemap><loc>http://h/1.xml</loc></sitemap><sitemap><loc>2.xml.gz</loc></sitemap></sitemapindex>"
)


@pytest.mark.parametrize(
    "content",
    [SITEMAP, gzip.compress(SITEMAP), SITEMAP.replace(b' xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"', b"")],
)
def test_a_sitemap_lists_pages(content):
    """Each once, with or without gzip and namespace."""
    links, sitemaps = links_in_sitemap(PAGE_URL, content)
    assert [link.url for link in links] == [
        "http://page.example/a?x=1&y=2",
        "http://page.example/b",
        "http://page.example/c",
    ]
    assert sitemaps == []


@pytest.mark.parametrize(
    "content",
    [
        b"http://page.example/a\r\n\n  http://page.example/b \nhttp://page.example/a#x",
        b"\xef\xbb\xbfHTTP://page.example/a\nhttp://page.example/b\n",
        gzip.compress(b"http://page.example/a\n") + gzip.compress(b"http://page.example/b\n") + bytes(9),
        b"<rss><channel><link>http://page.example/</link><item><title>A</title><link>/a</link></item>"
        b"<item><link>http://page.example/b</link><link>/c</link></item><item/></channel></rss>",
        b'<rdf:RDF xmlns:rdf="r" xmlns="s"><item><link>/a</link></item><item><link>/b</link></item></rdf:RDF>',
        b'<feed xmlns="http://www.w3.org/2005/Atom"><link href="/"/><entry><link rel="self" href="/no"/>'
        b'<link href="/a"/><title type="xhtml"><div>A</div></title></entry>'
        b'<entry><link rel="alternate" href="b"/></entry></feed>',
    ],
)
def test_other_forms_of_sitemaps(content):
    """Text, RSS and Atom: https://www.sitemaps.org/protocol.html#otherformats"""
    links, _ = links_in_sitemap("http://page.example/map", content)
    assert [link.url for link in links] == ["http://page.example/a", "http://page.example/b"]
    assert links[0].title == ("A" if b"title" in content else None)


def test_an_index_of_sitemaps_lists_sitemaps():
    """Which are to be read next."""
    assert links_in_sitemap(PAGE_URL, INDEX) == ([], ["http://h/1.xml", "http://page.example/dir/2.xml.gz"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html></html>",
        b"<urlset>",
        b"\0" * 10,
        b"<a>" * 10_000,
        b"<?xml version='1.0' encoding='no-such'?><urlset/>",
        b"<?xml version='1.0' encoding='hex'?><urlset/>",
        b"<?xml version='1.0' encoding='utf-7'?><urlset/>",
        b"<!DOCTYPE x [<!ENTITY a 'b'>]><urlset><url><loc>&a;</loc></url></urlset>",
        b"<!DOCTYPE x SYSTEM 'file:///etc/passwd' [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><urlset>&a;</urlset>",
        b"\x1f\x8b",
        b"\x1f\x8bgarbage",
        gzip.compress(SITEMAP)[:60],
        gzip.compress(b"http://h/a\nhttp://h/b\n")[:-9],
        b"http://h/a\nno URL\n",
        b"http://h/\xff\n",
        gzip.compress(bytes(MAX_PAGE_BYTES + 1), 1),
    ],
)
def test_what_is_no_sitemap_is_an_error(content):
    """Broken XML, entities, other encodings, cut or endless gzip."""
    with pytest.raises(PageError, match="expected a sitemap"):
        links_in_sitemap(PAGE_URL, content)


@given(st.binary())
def test_any_bytes_are_a_sitemap_or_an_error(content):
    """Never an error of another kind."""
    for one in (content, b"<urlset><url><loc>" + content + b"</loc></url></urlset>", b"\x1f\x8b" + content):
        try:
            links_in_sitemap(PAGE_URL, one)
        except PageError:
            continue

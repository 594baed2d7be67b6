"""Sitemaps."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.errors import PageError
from airnub_core.sources.html import MAX_PAGE_BYTES
from airnub_core.sources.sitemap import links_in_sitemap

URL = "http://page.example/dir/index.html"
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
    sitemap = links_in_sitemap(URL, content)
    assert [link.url for link in sitemap.pages] == [
        "http://page.example/a?x=1&y=2",
        "http://page.example/b",
        "http://page.example/c",
    ]
    assert sitemap.sitemaps == []


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
    sitemap = links_in_sitemap("http://page.example/map", content)
    assert [link.url for link in sitemap.pages] == ["http://page.example/a", "http://page.example/b"]
    assert sitemap.pages[0].title == ("A" if b"title" in content else None)


def test_an_index_of_sitemaps_lists_sitemaps():
    """Which are to be read next."""
    sitemap = links_in_sitemap(URL, INDEX)
    assert (sitemap.pages, sitemap.sitemaps) == ([], ["http://h/1.xml", "http://page.example/dir/2.xml.gz"])


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
        links_in_sitemap(URL, content)


@given(st.binary())
def test_any_bytes_are_a_sitemap_or_an_error(content):
    """Never an error of another kind."""
    for one in (content, b"<urlset><url><loc>" + content + b"</loc></url></urlset>", b"\x1f\x8b" + content):
        try:
            links_in_sitemap(URL, one)
        except PageError:
            continue

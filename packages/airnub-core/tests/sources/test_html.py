"""Links on pages."""

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airnub_core.errors import PageError
from airnub_core.sources import html
from airnub_core.sources.html import (
    MAX_DEPTH,
    MAX_TITLE,
    Link,
    check_selector,
    links_on_any_page,
    links_on_page,
)

URL = "http://page.example/dir/index.html"


def urls(html, selector="a", content_type=None, url=URL):
    """The URLs that are found on a page."""
    content = html if isinstance(html, bytes) else html.encode()
    return [link.url for link in links_on_page(url, content, content_type, selector)]


@pytest.mark.parametrize(
    ("href", "url"),
    [
        ("a.pdf", "http://page.example/dir/a.pdf"),
        ("/a.pdf", "http://page.example/a.pdf"),
        ("../a.pdf", "http://page.example/a.pdf"),
        ("//other.example/a", "http://other.example/a"),
        ("https://other.example/a", "https://other.example/a"),
        ("HTTP://Other.Example/A", "http://other.example/A"),
        ("?page=2", "http://page.example/dir/index.html?page=2"),
        ("a.pdf#page=3", "http://page.example/dir/a.pdf"),
        (" a.pdf\n", "http://page.example/dir/a.pdf"),
        ("a\n.p\tdf", "http://page.example/dir/a.pdf"),
        ("a b.pdf", "http://page.example/dir/a%20b.pdf"),
        ("a%20b.pdf", "http://page.example/dir/a%20b.pdf"),
        ("ä.pdf?ö", "http://page.example/dir/%C3%A4.pdf?%C3%B6"),
        ("http://köln.example/", "http://xn--kln-sna.example/"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("dir\\a.pdf", "http://page.example/dir/dir/a.pdf"),
        ("http:\\\\other.example\\a", "http://other.example/a"),
        ("http://other.example\\@evil.example/", "http://other.example/@evil.example/"),
        ("a?path=c:\\x", "http://page.example/dir/a?path=c:%5Cx"),
        ("a?x=1&amp;y=2", "http://page.example/dir/a?x=1&y=2"),
        ("", "http://page.example/dir/index.html"),
        ("///other.example/a", "http://other.example/a"),
        ("http:///other.example/a", "http://other.example/a"),
        ("http:a.pdf", "http://page.example/dir/a.pdf"),
        ("https:other.example/a", "https://other.example/a"),
        ("http://other.example", "http://other.example/"),
        ("http://other.example:80/x/../a/./b", "http://other.example/a/b"),
        ("http://other.example/x/%2e%2E/a", "http://other.example/a"),
        ("https://other.example:443?x", "https://other.example/?x"),
        ("http://fa\u00df.example/", "http://xn--fa-hia.example/"),
        ("http://\uff4f\uff54\uff48\uff45\uff52.example/", "http://other.example/"),
        ("http://%6fther.example/", "http://other.example/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("a.pdf?q=#&amp;#35;", "http://page.example/dir/a.pdf?q="),
        ("&#x61;&period;pdf&quest;&auml;", "http://page.example/dir/a.pdf?%C3%A4"),
        ("\x01\x1f a.pdf\x0c", "http://page.example/dir/a.pdf"),
        ("a\x01b.pdf", "http://page.example/dir/a%01b.pdf"),
        ("a|b^c`{d}.pdf?x|y^`{}", "http://page.example/dir/a%7Cb%5Ec%60%7Bd%7D.pdf?x%7Cy%5E%60%7B%7D"),
        ("a;b=c,d.pdf?x=[1]&amp;y='", "http://page.example/dir/a;b=c,d.pdf?x=[1]&y=%27"),
    ],
)
def test_links_are_resolved_as_a_browser_does(href, url):
    """Relative, absolute, and written in odd ways."""
    assert urls(f'<a href="{href}">x</a>') == [url]


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        " java\nscript:alert(1)",
        "mailto:a@b.c",
        "tel:+1",
        "data:text/plain,x",
        "ftp://h/x",
        "file:///etc/passwd",
        "#top",
        "http://[bad",
        "http://h:99999/",
        "http://h:x/",
        "blob:x",
        "JavaScript&colon;alert(1)",
        "\x01javascript:alert(1)",
        " #top",
        "http://",
        "http://a b/",
        "http://xn--\u00e4/",
        "about:blank",
    ],
)
def test_what_is_no_page_is_left_out(href):
    """Scripts, mail, fragments and nonsense."""
    assert urls(f'<a href="{href}">x</a><a href="ok">y</a>') == ["http://page.example/dir/ok"]


def test_each_url_comes_once_with_its_first_title():
    """In the order of the page; fragments make no other URL."""
    html = '<a href="b"> one\n two </a><a href=a title="by title"></a><a href="b#x">again</a><a href=c></a>'
    assert links_on_page(URL, html.encode(), None, "a") == [
        Link("http://page.example/dir/b", "one two"),
        Link("http://page.example/dir/a", "by title"),
        Link("http://page.example/dir/c", None),
    ]


def test_a_title_has_an_end():
    """It is repeated in every manifest."""
    [link] = links_on_page(URL, f"<a href=a>{'x' * 10_000}</a>".encode(), None, "a")
    assert link.title == "x" * MAX_TITLE


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("/other/", "http://page.example/other/a"),
        ("https://cdn.example/x/", "https://cdn.example/x/a"),
        ("javascript:x", "http://page.example/dir/a"),
        ("http://[bad", "http://page.example/dir/a"),
        ("data:text/html,x", "http://page.example/dir/a"),
        ("", "http://page.example/dir/a"),
        ("//cdn.example", "http://cdn.example/a"),
        (" ../x/ ", "http://page.example/x/a"),
        ("?q", "http://page.example/dir/a"),
    ],
)
def test_the_base_element_counts(base, url):
    """The first one, where it is a URL."""
    assert urls(f'<base target=x><base href="{base}"><base href="/late/"><a href="a">x</a>') == [url]


def test_a_base_of_another_scheme_counts():
    """Its relative links are none that are fetched."""
    assert urls('<base href="ftp://h/"><a href=a>x</a><a href="http://h/b">y</a>') == ["http://h/b"]


@pytest.mark.parametrize(
    "anchor",
    [
        "<a href=x><img src=i alt=' A  picture '></a>",
        "<a href=x title='A picture'><img src=i alt=other></a>",
        "<a href=x><b>A</b>\n picture<img src=i alt=other></a>",
        "<area href=x alt='A picture'>",
    ],
)
def test_titles(anchor):
    """The text, else the title, else what a picture shows."""
    assert links_on_page(URL, anchor.encode(), None, "a, area") == [Link("http://page.example/dir/x", "A picture")]


def test_selectors():
    """Of an element without a link of its own, the first one inside is taken."""
    html = (
        "<ul><li><b><a href=1>x</a></b><a href=2>y</a><li>none<li><a>no href</a><area href=3></ul><div><a href=4.pdf>"
    )
    assert urls(html, "li") == [f"http://page.example/dir/{name}" for name in ("1", "3")]
    assert urls(html, "a[href$='.pdf']") == ["http://page.example/dir/4.pdf"]
    assert urls(html, "body") == ["http://page.example/dir/1"]


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        ("<a href=x>größe</a>".encode(), None),
        ("<a href=x>größe</a>".encode("cp1252"), None),
        ("<a href=x>größe</a>".encode("utf-8-sig"), "text/html; charset=latin-1"),
        ("<a href=x>größe</a>".encode("utf-16"), None),
        ("<a href=x>größe</a>".encode("utf-16"), "text/html; charset=utf-8"),
        ('<meta charset="cp1251"><a href=x>größe</a>'.encode("utf-8-sig"), None),
        ('<meta charset="cp1251"><a href=x>größe</a>'.encode(), "text/html; charset=utf-8"),
        ("<a href=x>größe</a>".encode(), "text/html; charset=utf-7"),
        ('<meta charset="utf-7"><a href=x>größe</a>'.encode(), "text/html; charset=utf-32"),
        ('<meta charset="utf-8"><a href=x>größe</a>'.encode(), "text/html; charset=unicode_escape"),
        ("<a href=x>größe</a>".encode("latin-1"), "text/html; charset=ISO-8859-1"),
        ("<a href=x>größe</a>".encode(), "text/html; charset=utf-8"),
        ('<meta charset="iso-8859-15"><a href=x>größe</a>'.encode("latin-1"), "text/html"),
        (
            '<meta http-equiv="Content-Type" content="text/html; charset=windows-1252"><a href=x>größe</a>'.encode(
                "cp1252"
            ),
            None,
        ),
        ('<meta charset="utf-16"><a href=x>größe</a>'.encode(), None),
        ('<meta charset="hex"><a href=x>größe</a>'.encode(), None),
        ("<a href=x>größe</a>".encode(), "text/html; charset=undefined"),
        ("<a href=x>größe</a>".encode(), "text/html; charset=idna"),
        ("<a href=x>größe</a>".encode(), "text/html; charset=no-such"),
    ],
)
def test_encodings(content, content_type):
    """By byte order mark, header, meta element, or what fits; a codec that is no encoding is passed over."""
    assert links_on_page(URL, content, content_type, "a") == [Link("http://page.example/dir/x", "größe")]


def test_letters_in_a_query_are_written_in_the_encoding_of_the_page():
    """As browsers do; the path is UTF-8, and what the encoding does not have is a reference to a character."""
    html = '<a href="ä?ä">x</a><a href="b?気">x</a>'.encode("cp1252", errors="xmlcharrefreplace")
    assert urls(html, content_type="text/html; charset=cp1252") == [
        "http://page.example/dir/%C3%A4?%E4",
        "http://page.example/dir/b?%26%2327671%3B",
    ]
    html = "<a href='b?ä'>x</a>"
    for content in (html.encode("utf-16"), html.encode("utf-8-sig")):
        assert urls(content, content_type="text/html; charset=cp1252") == ["http://page.example/dir/b?%C3%A4"]


@pytest.mark.parametrize(
    "html",
    [b"", b"\0", b"<", b"<a", b"<!--", b"<a href=", b"\xff\xfe", b"plain text", b"<a>no href</a>", b"<svg>" * 1000],
)
def test_a_page_without_links_is_an_error(html):
    """Broken or empty; it says what was looked for."""
    with pytest.raises(PageError, match=r"expected links that match 'a', found none among the 0 of the page"):
        urls(html)


def test_broken_html_has_links_all_the_same():
    """As far as a browser would find them."""
    assert urls("<table><a href=1><b><p></b></table></div><a href=2 href=3><a href='4'") == [
        f"http://page.example/dir/{number}" for number in (1, 2)
    ]


@pytest.mark.parametrize("element", ["div", "DIV class=x", "ul", "section"])
def test_a_page_nested_without_end_is_an_error(element):
    """The parser would take minutes."""
    with pytest.raises(PageError, match="elements inside each other"):
        urls(f"<{element}>" * 300_000 + "<a href=x>")


def test_a_deep_page_is_read():
    """Deeper than any browser shows."""
    assert urls("<div>" * (MAX_DEPTH - 1) + "<a href=x>y</a>", "div") == ["http://page.example/dir/x"]


def test_many_elements_beside_each_other_are_no_depth():
    """However large a page is."""
    assert len(urls("<div><a href=x>y</a></div>" * 20_000 + "</div>" * 9999)) == 1


@given(html=st.binary(), content_type=st.none() | st.text())
@example(html=b"<a href='http://\xe2\x84\x80.com/'>", content_type="text/html; charset=")
def test_any_bytes_are_a_page_or_an_error(html, content_type):
    """Never an error of another kind."""
    try:
        links = links_on_page(URL, html + b"<a href=x>y</a>", content_type, "a")
    except PageError:
        return
    assert all(link.url.startswith(("http://", "https://")) for link in links)


@given(st.text())
def test_any_reference_is_a_link_or_left_out(href):
    """Never an error."""
    escaped = href.replace("&", "&amp;").replace('"', "&quot;").encode("utf-8", errors="replace")
    found = links_on_page(URL, b'<a href="%s">x</a><a href="/ok">y</a>' % escaped, "text/html; charset=utf-8", "a")
    assert "http://page.example/ok" in [link.url for link in found]


@pytest.mark.parametrize("selector", ["", " ", "a[", "a,", "::", "div >", "a:contains('x')", "a[href=\ud800]", "!"])
def test_what_is_no_selector_is_refused(selector):
    """With the selector in the message."""
    with pytest.raises(ValueError, match="expected a CSS selector, found"):
        check_selector(selector)


# --- sitemaps


PAGE = '<base href="/x/"><a href="ä?ö">größe</a><a href=b></a><a href="javascript:x">'.encode("latin-1")


def read(content, selector="a"):
    """The links of a page."""
    return asyncio.run(links_on_any_page(URL, content, "text/html; charset=latin-1", selector))


@pytest.mark.parametrize("small", [0, 10**6])
def test_a_page_is_read_here_or_there_alike(small, monkeypatch):
    """URLs, titles and errors."""
    monkeypatch.setattr(html, "SMALL", small)
    assert read(PAGE) == links_on_page(URL, PAGE, "text/html; charset=latin-1", "a")
    with pytest.raises(PageError) as error:
        read(PAGE, "b")
    assert error.value == PageError(URL, "expected links that match 'b', found none among the 3 of the page")


def children():
    """The processes that this one has started and that are there."""
    return {path.parent.name for path in Path("/proc").glob("[0-9]*/status") if _is_child(path)}


def _is_child(path):
    try:
        return f"\nPPid:\t{os.getpid()}\n" in path.read_text()
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="processes are looked up in /proc")
def test_a_page_that_takes_a_parser_for_ever_is_an_error(monkeypatch):
    """Its process is ended, and nobody waits for it."""
    monkeypatch.setattr(html, "LONGEST", 0.5)
    before = children()
    endless = b"<a href=y " + b" ".join(b"a%d=1" % number for number in range(500_000)) + b">z</a>"
    with pytest.raises(PageError, match=r"expected a page that is parsed within 0\.5 s, found one that takes longer"):
        read(endless)
    assert children() == before


def test_a_large_page_is_read():
    """A listing of many files."""
    page = b"".join(b"<p><a href=%d.csv>file %d</a></p>\n" % (number, number) for number in range(20_000))
    links = read(page)
    assert len(links) == 20_000
    assert links[-1].url == "http://page.example/dir/19999.csv"

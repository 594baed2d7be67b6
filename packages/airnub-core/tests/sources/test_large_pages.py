"""Large pages."""

import asyncio
import os
from pathlib import Path

import pytest

from airnub_core.errors import PageError
from airnub_core.sources.large_pages import links_on_any_page
from airnub_core.sources.links import links_on_page

URL = "http://page.example/"
PAGE = '<base href="/x/"><a href="ä?ö">größe</a><a href=b></a><a href="javascript:x">'.encode("latin-1")


def read(content, selector="a", **limits):
    """The links of a page."""
    return asyncio.run(links_on_any_page(URL, content, "text/html; charset=latin-1", selector, **limits))


@pytest.mark.parametrize("small", [0, 10**6])
def test_a_page_is_read_here_or_there_alike(small):
    """URLs, titles and errors."""
    assert read(PAGE, small=small) == links_on_page(URL, PAGE, "text/html; charset=latin-1", "a")
    with pytest.raises(PageError) as error:
        read(PAGE, "b", small=small)
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
def test_a_page_that_takes_a_parser_for_ever_is_an_error():
    """Its process is ended, and nobody waits for it."""
    before = children()
    endless = b"<a href=y " + b" ".join(b"a%d=1" % number for number in range(500_000)) + b">z</a>"
    with pytest.raises(PageError, match=r"expected a page that can be read within 0\.5 s, found one that cannot"):
        read(endless, longest=0.5)
    assert children() == before


def test_a_large_page_is_read():
    """A listing of many files."""
    page = b"".join(b"<p><a href=%d.csv>file %d</a></p>\n" % (number, number) for number in range(20_000))
    links = read(page)
    assert len(links) == 20_000
    assert links[-1].url == "http://page.example/19999.csv"

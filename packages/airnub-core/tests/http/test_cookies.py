"""Cookies between two requests; what servers see of them is tested with each way of asking, in `test_alike`."""

import pycurl
import pytest

from airnub_core.http.cookies import Cookies

HERE, THERE = ("http", "a.example.org", 80), ("http", "b.example.org", 80)


@pytest.fixture
def handle():
    """One of libcurl's handles, with its cookies on."""
    curl = pycurl.Curl()
    curl.setopt(pycurl.COOKIEFILE, "")
    yield curl
    curl.close()


def line(cookie, domain="a.example.org", tail="FALSE"):
    """A line as libcurl writes it."""
    name, _, value = cookie.partition("=")
    return "\t".join((domain, tail, "/", "FALSE", "0", name, value)).encode()


def test_a_cookie_without_a_domain_is_bound_to_its_origin():
    """Scheme, host and port; one with a domain is for libcurl to judge."""
    cookies = Cookies()
    cookies.learn(HERE, [], [line("own=1"), line("all=2", ".example.org", "TRUE")])
    assert cookies.lines_for(HERE) == [line("own=1"), line("all=2", ".example.org", "TRUE")]
    for other in (THERE, ("https", "a.example.org", 443), ("http", "a.example.org", 81)):
        assert cookies.lines_for(other) == [line("all=2", ".example.org", "TRUE")]


def test_what_is_new_replaces_and_what_is_gone_goes():
    """Of two requests at the same time neither takes back what the other has brought."""
    cookies = Cookies()
    cookies.learn(HERE, [], [line("a=1"), line("b=1")])
    before = cookies.lines_for(HERE)
    cookies.learn(HERE, before, [line("a=2"), line("b=1")])
    cookies.learn(HERE, before, [line("a=1"), line("c=3")])
    assert sorted(cookies.lines_for(HERE)) == sorted([line("a=2"), line("c=3")])
    assert len(cookies) == 2


def test_a_cookie_for_http_alone(handle):
    """What libcurl has written it reads again as it was, also what scripts may not see and what is in other letters."""
    for header in ("a=1; Path=/; HttpOnly; Max-Age=1000", "b=größe; Path=/x"):
        handle.setopt(pycurl.COOKIELIST, f"Set-Cookie: {header}; Domain=a.example.org".encode())
    lines = handle.getinfo_raw(pycurl.INFO_COOKIELIST)
    cookies = Cookies()
    cookies.learn(HERE, [], lines)
    handle.setopt(pycurl.COOKIELIST, "ALL")
    for one in cookies.lines_for(HERE):
        handle.setopt(pycurl.COOKIELIST, one)
    assert sorted(handle.getinfo_raw(pycurl.INFO_COOKIELIST)) == sorted(lines)
    assert len(cookies) == 2

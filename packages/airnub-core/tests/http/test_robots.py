"""robots.txt."""

import asyncio

import pytest

from airnub_core.errors import ConnectionFailedError, HttpStatusError, RobotsRefusedError
from airnub_core.http.robots import LONGEST_DELAY, MAX_BYTES, Robots


def check(answer, *urls):
    """Ask about URLs where every robots.txt is `answer`, or fails with it; what was fetched."""
    fetched = []

    async def fetch(url):
        fetched.append(url)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def main():
        robots = Robots(fetch)
        await asyncio.gather(*(robots.check(url) for url in urls))

    asyncio.run(main())
    return fetched


RULES = b"User-agent: other\nDisallow: /\n\nUser-agent: *\nDisallow: /private\nAllow: /private/open\n"


@pytest.mark.parametrize("path", ["/", "/public", "/private/open/x"])
def test_what_is_allowed(path):
    """The longest rule that fits counts."""
    check(RULES, f"http://h{path}")


@pytest.mark.parametrize("path", ["/private", "/private/x?y", "/%70rivate"])
def test_what_is_refused(path):
    """The error names the page."""
    with pytest.raises(RobotsRefusedError) as error:
        check(RULES, f"http://h{path}")
    assert error.value == RobotsRefusedError(f"http://h{path}")


def test_rules_for_us_alone():
    """Rules may name us."""
    with pytest.raises(RobotsRefusedError):
        check(b"User-agent: airnub\nDisallow: /\n\nUser-agent: *\nAllow: /\n", "http://h/")


def test_rules_for_others_alone_refuse_nothing():
    """And our own group counts instead of that for all."""
    check(b"User-agent: other\nDisallow: /\n", "http://h/")
    check(b"User-agent: *\nDisallow: /\n\nUser-agent: other\nUser-agent: AIRNUB\nDisallow: /x\n", "http://h/")


@pytest.mark.parametrize(
    ("rules", "delay"),
    [
        (b"", None),
        (b"User-agent: *\nCrawl-delay: 2\n", 2),
        (b"User-agent: *\nCrawl-delay: 9\n\nUser-agent: airnub\nCrawl-delay: 0.5\n", 0.5),
        (b"User-agent: *\nCrawl-delay: 86400\n", LONGEST_DELAY),
        (b"User-agent: *\nCrawl-delay: 0\n", None),
        (b"User-agent: *\nCrawl-delay: -1\n", None),
        (b"User-agent: *\nCrawl-delay: nan\n", None),
        (b"User-agent: *\nCrawl-delay: soon\n", None),
    ],
)
def test_the_pace_that_a_host_asks_for(rules, delay):
    """In seconds, and not for ever."""

    async def fetch(url):
        return rules

    assert asyncio.run(Robots(fetch).delay("http://h/a")) == delay


def test_each_host_is_asked_once():
    """Also when many ask at the same time; scheme and port make another host."""
    fetched = check(b"", "http://h/a", "http://h/b?c#d", "http://h:81/", "https://h/")
    assert sorted(fetched) == ["http://h/robots.txt", "http://h:81/robots.txt", "https://h/robots.txt"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_no_rules_are_no_refusal(status):
    """RFC 9309: what is not there allows everything."""
    check(HttpStatusError("http://h/robots.txt", status), "http://h/")


@pytest.mark.parametrize(
    "error", [HttpStatusError("http://h/robots.txt", 503), ConnectionFailedError("http://h/robots.txt", "x")]
)
def test_rules_that_cannot_be_had_are_no_permission(error):
    """RFC 9309: a server that is broken is not asked for pages; everybody who waited is told."""
    with pytest.raises(type(error)):
        check(error, "http://h/a")


@pytest.mark.parametrize(
    "rules",
    [b"\xff\xfe\0\0", b"\0" * 1000, b"<html>", b"Disallow", b"User-agent: *\nCrawl-delay: 1e999\nDisallow: /%zz[*$\n"],
)
def test_broken_rules_refuse_nothing(rules):
    """Whatever stands there, it is no error."""
    check(rules, "http://h/x")


def test_a_large_file_is_read_as_far_as_need_be():
    """What stands behind the first 500 KiB is passed over."""
    padding = b"# padding\n" * (MAX_BYTES // 10 + 1)
    check(padding + b"User-agent: *\nDisallow: /\n", "http://h/")
    with pytest.raises(RobotsRefusedError):
        check(b"User-agent: *\nDisallow: /\n" + padding, "http://h/")

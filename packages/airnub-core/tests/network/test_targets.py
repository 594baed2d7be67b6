"""Targets."""

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airnub_core.errors import RefusedUrlError
from airnub_core.network.hosts import checked_url, host_in
from airnub_core.network.targets import Target, target_of


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://h/a?b=c", Target("http://h/a?b=c", "http", "h", 80)),
        ("https://example.org:8443/", Target("https://example.org:8443/", "https", "example.org", 8443)),
        ("HTTP://Example.ORG/A", Target("http://example.org/A", "http", "example.org", 80)),
        ("http://h/a#part", Target("http://h/a", "http", "h", 80)),
        ("http://h/a b", Target("http://h/a%20b", "http", "h", 80)),
        ("http://Köln.de/", Target("http://xn--kln-sna.de/", "http", "xn--kln-sna.de", 80)),
        ("http://[::1]:81/", Target("http://[::1]:81/", "http", "::1", 81)),
        ("https://h:443/", Target("https://h/", "https", "h", 443)),
    ],
)
def test_a_url_as_the_connection_is_made_to_it(url, target):
    """Host and port as they are connected to; what stands behind `#` is nobody's but ours."""
    found = target_of("http://asked/", url)
    assert found._replace(url="") == target._replace(url="")
    assert httpx.URL(found.url) == httpx.URL(target.url)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b", "http://h/b"),
        ("b", "http://h/x/b"),
        ("../b", "http://h/b"),
        ("//g/b", "http://g/b"),
        ("?q", "http://h/x/a?q"),
        ("https://g:1/", "https://g:1/"),
    ],
)
def test_a_redirect_is_seen_from_where_it_was_met(location, url):
    """As a browser would."""
    assert target_of("http://asked/", location, base="http://h/x/a").url == url


@pytest.mark.parametrize(
    "url",
    ["", "h/a", "ftp://h/", "http://", "http:///a", "http://h:0/", "http://h:65536/", "http://[bad", "http://a..b/"],
)
def test_what_is_not_asked_for(url):
    """The error names what was asked for at first."""
    with pytest.raises(RefusedUrlError) as error:
        target_of("http://asked/", url)
    assert error.value.url == "http://asked/"


def test_an_origin_is_scheme_host_and_port():
    """Who may see the headers of a source."""
    same = ["http://h/a", "http://h:80/b", "http://H/"]
    others = ["https://h/", "http://h:81/", "http://g/", "http://www.h/"]
    assert len({target_of(url, url).origin for url in same}) == 1
    assert len({target_of(url, url).origin for url in ["http://h/", *others]}) == len(others) + 1


CHARACTERS = "abcxyzABC0129.-_~!$&'()*+,;=:@/?%#[]\\ \u00fc"


@given(
    st.sampled_from(["http", "https"]),
    st.text("abc019.-_%@:[]", max_size=12),
    st.sampled_from(["", ":1", ":80", ":443", ":65535", ":65536", ":00080", ":99999", ":-1"]),
    st.text(CHARACTERS, max_size=12),
)
@example("http", "2130706433", "", "")
@example("http", "0x7f.1", "", "")
@example("https", "h", ":443", "")
@example("http", "h", "", "/a/../b")
@example("http", "h", "", "/a%2fb?c='d'")
def test_plain_urls_are_read_as_others_are(scheme, host, port, rest):
    """The short way comes to the same host, port and refusal as the parser's, so that no URL passes between them."""
    url = f"{scheme}://{host}{port}/{rest}"
    try:
        parsed = checked_url(url, url)
    except RefusedUrlError:
        with pytest.raises(RefusedUrlError):
            target_of(url, url)
        return
    found = target_of(url, url)
    ports = {"http": 80, "https": 443}
    assert (found.scheme, found.host, found.port) == (parsed.scheme, host_in(parsed), parsed.port or ports[scheme])
    assert "#" not in found.url
    again = httpx.URL(found.url)
    assert (host_in(again), again.port or ports[scheme]) == (found.host, found.port)

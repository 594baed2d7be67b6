"""Targets."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airnub_core.errors import RefusedUrlError
from airnub_core.http import url as urls
from airnub_core.http.url import Url, check_url, host_of, may_be_host, origin_of, parse_url


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://h/a?b=c", Url("http://h/a?b=c", "http", "h", 80)),
        ("https://example.org:8443/", Url("https://example.org:8443/", "https", "example.org", 8443)),
        ("HTTP://Example.ORG/A", Url("http://example.org/A", "http", "example.org", 80)),
        ("http://h/a#part", Url("http://h/a", "http", "h", 80)),
        ("http://h/a b", Url("http://h/a%20b", "http", "h", 80)),
        ("http://Köln.de/", Url("http://xn--kln-sna.de/", "http", "xn--kln-sna.de", 80)),
        ("http://[::1]:81/", Url("http://[::1]:81/", "http", "::1", 81)),
        ("https://h:443/", Url("https://h:443/", "https", "h", 443)),
    ],
)
def test_a_url_as_the_connection_is_made_to_it(url, target):
    """Host and port as they are connected to; what stands behind `#` is nobody's but ours."""
    assert parse_url("http://asked/", url) == target


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
    assert parse_url("http://asked/", location, base="http://h/x/a").url == url


@pytest.mark.parametrize(
    "url",
    ["", "h/a", "ftp://h/", "http://", "http:///a", "http://h:0/", "http://h:65536/", "http://[bad", "http://a..b/"],
)
def test_what_is_not_asked_for(url):
    """The error names what was asked for at first."""
    with pytest.raises(RefusedUrlError) as error:
        parse_url("http://asked/", url)
    assert error.value.url == "http://asked/"


@pytest.mark.parametrize("rest", ["a", "\u00fc", "?"])
def test_a_url_that_is_too_long(rest):
    """Of whatever characters, so that the parser is not asked."""
    url = f"http://h/{rest * 65_527}"
    assert parse_url(url, url).host == "h"
    with pytest.raises(RefusedUrlError, match="65,537 characters, of which at most 65,536 are allowed"):
        parse_url("http://asked/", f"{url}a")


def test_a_host_name_that_is_too_long():
    """A plain URL is not parsed as all others are, and has the same limit: 254 characters."""
    label = "a" * 63
    assert parse_url("", f"http://{label}.{label}.{label}.{'a' * 62}/").host.endswith("a" * 62)
    with pytest.raises(RefusedUrlError, match="host"):
        parse_url("", f"http://{label}.{label}.{label}.{label}/")


def test_an_origin_is_scheme_host_and_port():
    """Who may see the headers of a source."""
    same = ["http://h/a", "http://h:80/b", "http://H/"]
    others = ["https://h/", "http://h:81/", "http://g/", "http://www.h/"]
    assert len({parse_url(url, url).origin for url in same}) == 1
    assert len({parse_url(url, url).origin for url in ["http://h/", *others]}) == len(others) + 1


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

    def read():
        try:
            return parse_url(url, url)
        except RefusedUrlError:
            return None

    found = read()
    short = urls._PLAIN
    try:
        urls._PLAIN = urls._CONTROL  # which matches none whole
        parsed = read()
    finally:
        urls._PLAIN = short
    if found is None or parsed is None:
        assert found == parsed
        return
    assert found[1:] == parsed[1:]
    assert "#" not in found.url
    assert parse_url(url, found.url)[1:] == found[1:]


@pytest.mark.parametrize("port", ["0", "00", "65536", "-1", "x"])
def test_a_port_that_does_not_exist_is_named(port):
    """The message is about the port, and shows the URL without its credentials."""
    with pytest.raises(RefusedUrlError) as error:
        parse_url("http://asked/", f"http://me:pw@h:{port}/a")
    expected = "expected an http or https URL with a port from 1 to 65535"
    assert str(error.value) == f"http://asked/: {expected}, found 'http://***@h:{port}/a'"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://2130706433/", "127.0.0.1"),
        ("http://0x7f.1/", "127.0.0.1"),
        ("http://0177.1/", "127.0.0.1"),
        ("http://127.1/", "127.0.0.1"),
        ("http://127.0.0.1./", "127.0.0.1"),
        ("http://\uff11\uff12\uff17.0.0.1/", "127.0.0.1"),
        ("http://[::ffff:127.0.0.1]/", "::ffff:7f00:1"),
        ("http://a%41b/", "aab"),
        ("http://xn--/", "xn--"),
    ],
)
def test_a_host_is_what_is_connected_to(url, host):
    """The host that is judged is the one in the URL that is sent on to the client."""
    found = parse_url(url, url)
    assert found.host == host
    assert parse_url(url, found.url).host == host


def test_origins_of_text():
    """User, case and default port make no difference; scheme, host and port do, and what cannot be read is alone."""
    assert origin_of("http://u:p@Example.org:80/a") == origin_of("http://example.org/b")
    others = ["https://example.org/", "http://example.org:81/", "http://www.example.org/", "http://[bad", "x" * 70000]
    assert len({origin_of(url) for url in ["http://example.org/", *others]}) == len(others) + 1


@pytest.mark.parametrize(
    "host", ["a", "example.org", "example.org.", "_srv.x-y.de", "127.0.0.1", "::1", "xn--kln-sna.de", "0x7f.1"]
)
def test_what_may_be_a_host(host):
    """Names as resolvers know them, and addresses in every form."""
    assert may_be_host(host)


@pytest.mark.parametrize(
    "host", ["", ".", "a..b", "a" * 64, "a." * 127 + "aa", "a%5cb", "[bad", "a b", "a/b", "K\u00f6ln.de"]
)
def test_what_cannot_be_a_host(host):
    """No resolver has to be asked for these."""
    assert not may_be_host(host)


def test_a_url_of_settings():
    """As it is, or an error that says what was expected; white space in it is a mistake."""
    assert check_url("http://h/a") == "http://h/a"
    for wrong in ("http://h/a b", "ftp://h/", "http://h:0/", "http://[bad/", "http://h/\ud800"):
        with pytest.raises(ValueError, match="expected an http or https URL with a"):
            check_url(wrong)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://Host:8080/a", "host:8080"),
        ("https://user:secret@host/", "host"),
        ("http://[::1]:1/", "[::1]:1"),
        ("http://[bad", "http://[bad"),
    ],
)
def test_hosts_are_counted_by_name_and_port(url, host):
    """A user in the URL opens no second set of places."""
    assert host_of(url) == host

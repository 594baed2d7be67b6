"""URLs: what is sent of them, and those that are never asked for."""

import pytest

from airnub_core import Item, Kind, open_engine
from airnub_core.errors import ItemError, RefusedUrlError


@pytest.fixture
def fetch_item(network, tmp_path, run_engine):
    """Fetch one URL, which no settings have looked at; its outcome."""

    def one(url):
        async def main():
            async with open_engine(tmp_path, network) as engine:
                return await engine.ingest([Item("s", url, network)])

        [outcome] = run_engine(main())
        return outcome

    return one


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("/ä", "/%C3%A4"),
        ("/a b", "/a%20b"),
        ("/%C3%A4%2F%2F", "/%C3%A4%2F%2F"),
        ("/a?q=ä b", "/a?q=%C3%A4%20b"),
        ("/a?q=%26&r=1+2", "/a?q=%26&r=1+2"),
        ("/a#part", "/a"),
        ("/a?#", "/a"),
        ("/a?x=%zz", "/a?x=%"),
        ("/a;v=1,2'()*!~@:$", "/a;v=1,2"),
        ("/a/", "/a/"),
        ("", "/"),
        ("?x=1", "/?x=1"),
    ],
)
def test_what_is_sent(server, fetch_item, asked, sent):
    """Spaces and letters are encoded, what is encoded is left alone, and what stands behind `#` stays here."""
    fetch_item(server.url("x").removesuffix("/x") + asked)
    target = server.asked[0].target
    assert target.startswith(sent)
    assert target.isascii()
    assert not {"#", " "} & set(target)


def test_the_host_is_told_with_its_port(server, fetch_item):
    """And without user and password."""
    fetch_item(server.url("told").replace("://", "://me:secret@"))
    assert server.asked[0].headers["host"] == f"127.0.0.1:{server.port}"


def test_who_asks_is_said(server, fetch_item):
    """And that the bytes are wanted as they are; no cookie, no referrer, nothing else about this machine."""
    assert fetch_item(server.url("told")).kind is Kind.STORED
    headers = server.asked[0].headers
    assert headers["user-agent"].startswith("airnub/")
    assert headers["accept-encoding"] == "identity"
    assert headers.keys() <= {"host", "user-agent", "accept", "accept-encoding", "connection"}


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "file:/etc/passwd",
        "//127.0.0.1/x",
        "/etc/passwd",
        "ftp://127.0.0.1/x",
        "gopher://127.0.0.1/x",
        "dict://127.0.0.1/x",
        "scp://127.0.0.1/x",
        "data:,evil",
        "http:/127.0.0.1/x",
        "http:127.0.0.1/x",
        "-o/tmp/x",
        "http://127.0.0.1:0/x",
        "http://127.0.0.1:65536/x",
        "http://127.0.0.1:-1/x",
        "http://127.0.0.1:8o/x",
        "http://a\nb/",
        "http://a\0b/",
        "http://{a,b}.invalid/",
        "http://[::1/x",
        "http://::1/x",
        "http://" + "a" * 70_000,
    ],
)
def test_what_is_never_asked_for(fetch_item, files, url):
    """Whatever is wrong with it, it is one kind of error, and not worth a retry."""
    outcome = fetch_item(url)
    assert outcome.kind is Kind.FAILED
    assert isinstance(outcome.error, RefusedUrlError), repr(outcome.error)
    assert files() == {}


@pytest.mark.parametrize("between", ["\r\n", "\n", "\r", " HTTP/1.1\r\n", "\0", "\t", "\x7f"])
def test_nothing_is_injected(server, fetch_item, between):
    """A line end in a URL begins no line of a request: it is refused, left out or encoded."""
    outcome = fetch_item(server.url("told") + f"?text=a{between}X-Injected: 1{between}b")
    assert outcome.kind is Kind.STORED or isinstance(outcome.error, ItemError)
    assert all("x-injected" not in asked.headers for asked in server.asked)
    assert len(server.asked) <= 1


@pytest.mark.parametrize("url", ["{host}/x[1-3]", "{host}/x{{a,b}}", "{host}/x%5b1-3%5d"])
def test_a_url_is_one_url(server, fetch_item, url):
    """Brackets and braces are no patterns."""
    fetch_item(url.format(host=server.url("x").removesuffix("/x")))
    assert len(server.asked) == 1

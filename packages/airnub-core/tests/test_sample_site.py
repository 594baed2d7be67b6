"""The sample site, asked with the standard library's own client."""

import json
from http.client import HTTPConnection, IncompleteRead

import pytest

from airnub_core.sample_site import Reply, SampleSite, paged


def ask(site, path, **headers):
    """Status, headers and body."""
    connection = HTTPConnection("127.0.0.1", site.port, timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def test_it_serves_what_it_is_told_and_remembers_who_asked(site):
    """Path, parameters and headers as they came."""
    site.routes["/a"] = Reply(b"x", headers={"Content-Type": "text/csv"})
    status, headers, body = ask(site, "/a?b=1&b=2&c=%20", **{"X-Test": "y"})
    assert (status, headers["Content-Type"], headers["Content-Length"], body) == (200, "text/csv", "1", b"x")
    [asked] = site.asked
    assert (asked.path, asked.params, asked.headers["x-test"]) == ("/a", {"b": "2", "c": " "}, "y")
    assert site.url("/a") == f"http://127.0.0.1:{site.port}/a"


def test_all_else_is_404(site):
    """With a body that says so."""
    assert ask(site, "/nowhere")[0] == 404


def test_it_answers_304_by_itself(site):
    """An ETag is made of the bytes, unless there is one."""
    site.routes |= {"/a": Reply(b"x"), "/b": Reply(b"x", headers={"ETag": '"mine"'}), "/c": Reply(status=500)}
    etag = ask(site, "/a")[1]["ETag"]
    assert ask(site, "/a", **{"If-None-Match": etag})[::2] == (304, b"")
    assert ask(site, "/a", **{"If-None-Match": '"other"'})[0] == 200
    assert ask(site, "/b", **{"If-None-Match": '"mine"'})[0] == 304
    assert ask(site, "/c", **{"If-None-Match": etag})[0] == 500


def test_a_route_may_be_a_function(site):
    """It sees who asks."""
    site.routes["/a"] = lambda asked: Reply(asked.params["q"].encode())
    assert ask(site, "/a?q=z")[2] == b"z"


def test_a_length_may_lie(site):
    """Then the connection is closed."""
    site.routes["/a"] = Reply(b"short", headers={"Content-Length": "100"})
    with pytest.raises(IncompleteRead):
        ask(site, "/a")


def test_it_ends_with_its_block():
    """Afterwards nobody listens."""
    with SampleSite({"/a": Reply(b"x")}) as site:
        port = site.port
        assert ask(site, "/a")[0] == 200
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    with pytest.raises(ConnectionError):
        connection.request("GET", "/a")


def test_a_port_that_is_taken_is_an_error(site):
    """At once, not when somebody asks."""
    with pytest.raises(OSError):
        SampleSite({}, port=site.port)


@pytest.mark.parametrize(
    ("query", "records"),
    [("", [1, 2, 3, 4, 5]), ("?limit=2", [1, 2]), ("?offset=4&limit=2", [4, 5]), ("?offset=6", []), ("?limit=0", [])],
)
def test_paged_records(site, query, records):
    """Offsets are counted from 1."""
    site.routes["/q"] = paged([1, 2, 3, 4, 5], lambda part: json.dumps(list(part)).encode())
    assert json.loads(ask(site, f"/q{query}")[2]) == records


@pytest.mark.parametrize("query", ["?offset=0", "?limit=-1", "?offset=x"])
def test_wrong_pages_are_400(site, query):
    """With a word about what would be right."""
    site.routes["/q"] = paged([], lambda _part: b"[]")
    assert ask(site, f"/q{query}")[0] == 400

"""Requests, responses and transfers."""

import pickle

import pytest
from answers import AT, answered, requested

from airnub_common import digest_of
from airnub_core.errors import HttpStatusError, RefusedHeaderError, RefusedUrlError
from airnub_core.http.conditional import may_be_unmodified
from airnub_core.http.request import Response
from airnub_core.http.url import parse_url
from airnub_core.store.index import IndexRow
from airnub_core.store.layout import Staged
from airnub_core.store.manifest import url_digest

URL = "http://example.org/a.csv"
STAGED = Staged("/staging/1", "s", "a.csv", "ab" * 32, 7, "cd" * 32)
KNOWN = IndexRow(
    source="weather",
    url_digest=url_digest(URL),
    url=URL,
    digest=digest_of(b"old"),
    path="weather/x",
    size=3,
    manifest="weather/x.manifest.json",
    etag='"1"',
    last_modified="Mon",
    checked_at=AT,
    changed_at=AT,
)


def test_a_response_has_the_digest_of_its_bytes():
    """Those that came, else those that are known."""
    request = requested(URL, known=KNOWN)
    assert answered(request, staged=STAGED).digest == f"sha256:{STAGED.hex_digits}"
    assert answered(request, status=304).digest == digest_of(b"old")


def test_what_is_secret_is_not_shown():
    """Neither by a request nor by its response, which code of departments may print: no headers, and redacted URLs."""
    request = requested("https://user:pass-word@example.org/a?token=hidden", headers={"authorization": "Bearer hidden"})
    for shown in (repr(request), repr(answered(request))):
        assert "example.org/a" in shown
        assert "hidden" not in shown
        assert "pass-word" not in shown


@pytest.mark.parametrize(
    "response",
    [
        answered(requested(URL), headers={"etag": '"1"'}, attempts=2, staged=STAGED),
        answered(requested(URL), status=304),
        Response(requested(URL), 3, HttpStatusError("http://h/", 503, 7.5)),
    ],
)
def test_responses_cross_the_borders_of_processes(response):
    """As plain values, but for what the index knows."""
    assert pickle.loads(pickle.dumps(tuple(response))) == response


def test_requests_cross_the_borders_of_processes(job):
    """Those of one packet share what they have in common: it travels once."""
    requests = [job(f"http://h/{number}", number, headers={"x": "y"}, etag='"1"') for number in range(3)]
    requests = [one._replace(limits=requests[0].limits) for one in requests]
    copies = pickle.loads(pickle.dumps(requests))
    assert copies == requests
    assert len({id(copy.limits) for copy in copies}) == 1


def test_the_schedule_knows_it_by_its_host(job, new_transfer):
    """With the limits of its source."""
    transfer = new_transfer(job("HTTPS://Example.org/a", connections_per_host=3, requests_per_second_per_host=2.5))
    assert (transfer.host, transfer.per_host, transfer.per_second) == ("example.org:443", 3, 2.5)
    assert (transfer.url, transfer.part, transfer.body) == ("HTTPS://Example.org/a", None, None)


@pytest.mark.parametrize(
    ("change", "kind"), [({"url": "ftp://h/"}, RefusedUrlError), ({"headers": {"x": "a\nb"}}, RefusedHeaderError)]
)
def test_what_cannot_be_asked_for(job, new_transfer, change, kind):
    """It is refused before anything is sent."""
    with pytest.raises(kind):
        new_transfer(job(**{"url": URL} | change))


def test_what_is_known_is_asked_with(job, new_transfer):
    """Headers of the source, and both validators; then the server may answer that nothing changed."""
    transfer = new_transfer(job(URL, headers={"X-Key": " k\n"}, etag='"1"', last_modified="Mon"))
    assert transfer.header_lines() == ["X-Key: k", 'If-None-Match: "1"', "If-Modified-Since: Mon"]
    assert new_transfer(job(URL)).header_lines() == []


def test_the_headers_of_the_source_stay_with_its_origin(job, new_transfer):
    """They go along within it, not beyond it, and are not picked up on the way back; another attempt has them again."""
    transfer = new_transfer(job(URL, headers={"X-Key": "k"}, etag='"1"'))
    transfer.follow(parse_url(URL, "http://example.org/b"), 302)
    assert transfer.header_lines()[0] == "X-Key: k"
    for place in ("https://example.org/b", "http://example.org:81/b", "http://other.org/b", "http://example.org/c"):
        transfer.follow(parse_url(URL, place), 302)
        assert transfer.header_lines() == ['If-None-Match: "1"']
    assert (transfer.redirects, transfer.target.url, transfer.host) == (5, "http://example.org/c", "example.org:80")
    transfer.reset()
    assert (transfer.redirects, transfer.target.url) == (0, URL)
    assert transfer.header_lines()[0] == "X-Key: k"


def test_a_part_has_no_other_validator_than_its_own(job, file_sink, note, new_transfer):
    """The rest is asked for, if it is still the same file; that nothing changed is no answer then."""
    transfer = new_transfer(job(URL, headers={"X-Key": "k"}, etag='"1"'))
    body = file_sink.body()
    body.write(bytes(100_000))
    body.note(note)
    transfer.body = body
    assert transfer.part == note
    assert transfer.header_lines() == ["X-Key: k", "Range: bytes=100000-", f"If-Range: {note.etag}"]
    assert not may_be_unmodified(transfer)
    file_sink.discard(body)

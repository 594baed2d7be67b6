"""Errands."""

import pytest

from airnub_core.errors import RefusedHeaderError, RefusedUrlError
from airnub_core.http.url import parse_url

URL = "http://example.org/a.csv"


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
    assert transfer.asks() == ["X-Key: k", 'If-None-Match: "1"', "If-Modified-Since: Mon"]
    assert transfer.is_conditional
    assert new_transfer(job(URL)).asks() == []
    assert not new_transfer(job(URL)).is_conditional


def test_the_headers_of_the_source_stay_with_its_origin(job, new_transfer):
    """They go along within it, not beyond it, and are not picked up on the way back; another attempt has them again."""
    transfer = new_transfer(job(URL, headers={"X-Key": "k"}, etag='"1"'))
    transfer.send_on(parse_url(URL, "http://example.org/b"), 302)
    assert transfer.asks()[0] == "X-Key: k"
    for place in ("https://example.org/b", "http://example.org:81/b", "http://other.org/b", "http://example.org/c"):
        transfer.send_on(parse_url(URL, place), 302)
        assert transfer.asks() == ['If-None-Match: "1"']
    assert (transfer.redirects, transfer.target.url, transfer.host) == (5, "http://example.org/c", "example.org:80")
    transfer.back_to_start()
    assert (transfer.redirects, transfer.target.url) == (0, URL)
    assert transfer.asks()[0] == "X-Key: k"


def test_a_part_has_no_other_validator_than_its_own(job, file_sink, note, new_transfer):
    """The rest is asked for, if it is still the same file; that nothing changed is no answer then."""
    transfer = new_transfer(job(URL, headers={"X-Key": "k"}, etag='"1"'))
    body = file_sink.body()
    body.write(bytes(100_000))
    body.note(note)
    transfer.body = body
    assert transfer.part == note
    assert transfer.asks() == ["X-Key: k", "Range: bytes=100000-", f"If-Range: {note.etag}"]
    assert not transfer.is_conditional
    file_sink.discard(body)

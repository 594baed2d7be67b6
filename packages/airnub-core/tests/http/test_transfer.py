"""Errands."""

import pytest

from airnub_core.errors import RefusedHeaderError, RefusedUrlError
from airnub_core.network.targets import target_of

URL = "http://example.org/a.csv"


def test_the_schedule_knows_it_by_its_host(job, new_errand):
    """With the limits of its source."""
    errand = new_errand(job("HTTPS://Example.org/a", connections_per_host=3, requests_per_second_per_host=2.5))
    assert (errand.host, errand.per_host, errand.per_second) == ("example.org:443", 3, 2.5)
    assert (errand.url, errand.part, errand.body) == ("HTTPS://Example.org/a", None, None)


@pytest.mark.parametrize(
    ("change", "kind"), [({"url": "ftp://h/"}, RefusedUrlError), ({"headers": {"x": "a\nb"}}, RefusedHeaderError)]
)
def test_what_cannot_be_asked_for(job, new_errand, change, kind):
    """It is refused before anything is sent."""
    with pytest.raises(kind):
        new_errand(job(**{"url": URL} | change))


def test_what_is_known_is_asked_with(job, new_errand):
    """Headers of the source, and both validators; then the server may answer that nothing changed."""
    errand = new_errand(job(URL, headers={"X-Key": " k\n"}, etag='"1"', last_modified="Mon"))
    assert errand.asks() == ["X-Key: k", 'If-None-Match: "1"', "If-Modified-Since: Mon"]
    assert errand.is_conditional
    assert new_errand(job(URL)).asks() == []
    assert not new_errand(job(URL)).is_conditional


def test_the_headers_of_the_source_stay_with_its_origin(job, new_errand):
    """They go along within it, not beyond it, and are not picked up on the way back; another attempt has them again."""
    errand = new_errand(job(URL, headers={"X-Key": "k"}, etag='"1"'))
    errand.send_on(target_of(URL, "http://example.org/b"), 302)
    assert errand.asks()[0] == "X-Key: k"
    for place in ("https://example.org/b", "http://example.org:81/b", "http://other.org/b", "http://example.org/c"):
        errand.send_on(target_of(URL, place), 302)
        assert errand.asks() == ['If-None-Match: "1"']
    assert (errand.redirects, errand.target.url, errand.host) == (5, "http://example.org/c", "example.org:80")
    errand.back_to_start()
    assert (errand.redirects, errand.target.url) == (0, URL)
    assert errand.asks()[0] == "X-Key: k"


def test_a_part_has_no_other_validator_than_its_own(job, landing, note, new_errand):
    """The rest is asked for, if it is still the same file; that nothing changed is no answer then."""
    errand = new_errand(job(URL, headers={"X-Key": "k"}, etag='"1"'))
    body = landing.body()
    body.write(bytes(100_000))
    body.note(note)
    errand.body = body
    assert errand.part == note
    assert errand.asks() == ["X-Key: k", "Range: bytes=100000-", f"If-Range: {note.etag}"]
    assert not errand.is_conditional
    landing.discard(body)

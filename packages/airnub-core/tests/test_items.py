"""Items, and the requests for them."""

from dataclasses import replace

import pytest
from answers import AT, LIMITS

from airnub_common import digest_of
from airnub_core.http.request import Request
from airnub_core.items import Item, request_for
from airnub_core.store.index import IndexRow
from airnub_core.store.manifest import url_digest

URL = "https://example.org/data/weather.csv"
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


def test_no_secret_is_shown(network):
    """The headers of a source may hold one."""
    assert "s3cret" not in repr(Item("weather", URL, network, {"authorization": "s3cret"}))


@pytest.mark.parametrize("source", ["../../out", "/out", ".airnub", "a/b", "x\ny", "..", "", "con", "a" * 101])
def test_the_source_of_an_item_is_the_name_of_one(network, source):
    """It becomes a folder of the store: the rule is that of settings, and the message shows both sides on one line."""
    with pytest.raises(ValueError, match="expected the name of a source") as error:
        Item(source, URL, network)
    assert f"found {source!r}"[:60] in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=r"Item\.source"):
        replace(Item("s", URL, network), source=source)


@pytest.mark.parametrize("wrong", [{"source": None}, {"url": b"http://h/"}])
def test_source_and_url_of_an_item_are_text(network, wrong):
    """The error names the field."""
    with pytest.raises(TypeError, match=rf"Item\.{next(iter(wrong))}: expected text, found"):
        Item(**({"source": "s", "url": URL, "network": network} | wrong))


def test_the_url_of_an_item_can_be_encoded(network):
    """The index knows it by a digest of its bytes."""
    with pytest.raises(ValueError, match=r"Item\.url: expected text that UTF-8 can encode"):
        Item("s", "http://h/\ud800", network)


def test_a_url_that_cannot_be_requested_is_accepted_by_the_item(network):
    """It ends as a failed outcome, and the items beside it are fetched: tests of `download` show it."""
    assert Item("s", "file:///etc/passwd", network).url == "file:///etc/passwd"


@pytest.fixture
def asked(network):
    """The request for an item of which something is known, or not."""
    item = Item("weather", URL, network, {"x-key": "k"}, page="https://example.org/", title="Weather")
    return lambda known, force=False: request_for(
        item, url_digest(URL), known, LIMITS, number=7, clock=1.5, force=force
    )


def test_a_request_says_what_is_wanted_and_what_is_known(asked):
    """Both validators, as the server wrote them; none where the server may not say that nothing changed."""
    fixed = {"headers": {"x-key": "k"}, "page": "https://example.org/", "title": "Weather", "clock": 1.5}
    new = Request(7, "weather", URL, url_digest(URL), LIMITS, **fixed)
    again = new._replace(previous_digest=digest_of(b"old"), known=KNOWN)
    assert asked(None) == new
    assert asked(KNOWN) == again._replace(etag='"1"', last_modified="Mon")
    assert asked(KNOWN, force=True) == again


@pytest.mark.parametrize("value", ['"é"', '"a\r\nb: c"', '"\t"', "", None])
def test_what_cannot_be_sent_back_is_no_validator(asked, value):
    """An ETag in other characters than visible ASCII is not asked with; the other one still is."""
    without = asked(KNOWN._replace(etag=value))
    assert (without.etag, without.last_modified) == (None, "Mon")
    without = asked(KNOWN._replace(last_modified=value))
    assert (without.etag, without.last_modified) == ('"1"', None)

"""Arrivals; the way there is tested with the engine."""

from dataclasses import replace

import pytest

from airnub_common import digest_of
from airnub_core.items import FetchResult, Item, validators
from airnub_core.store.index import IndexRow
from airnub_core.store.layout import Staged
from airnub_core.store.manifest import url_digest

URL = "https://example.org/data/weather.csv"
AT = "2026-01-01T00:00:00+00:00"
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


def test_an_arrival_has_the_digest_and_the_size_of_its_bytes(network):
    """Those that came, else those that are known."""
    item = Item("weather", URL, network)
    staged = Staged("/staging/1", "weather", "weather.csv", digest_of(b"newer").partition(":")[2], 5, url_digest(URL))
    came = FetchResult(item, url_digest(URL), KNOWN, staged, 1, AT)
    confirmed = FetchResult(item, url_digest(URL), KNOWN, None, 1, AT)
    assert (came.digest, came.size) == (digest_of(b"newer"), 5)
    assert (confirmed.digest, confirmed.size) == (digest_of(b"old"), 3)


def test_what_is_known_is_asked_with():
    """Both validators, as the server wrote them; nothing where nothing is known."""
    assert validators(KNOWN) == ('"1"', "Mon")
    assert validators(None) == (None, None)


@pytest.mark.parametrize("value", ['"é"', '"a\r\nb: c"', '"\t"', "", None])
def test_what_cannot_be_sent_back_is_no_validator(value):
    """An ETag in other characters than visible ASCII is not asked with; the other one still is."""
    assert validators(KNOWN._replace(etag=value)) == (None, "Mon")
    assert validators(KNOWN._replace(last_modified=value)) == ('"1"', None)


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

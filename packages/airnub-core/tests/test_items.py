"""Items."""

from dataclasses import replace

import pytest

from airnub_core.items import Item

URL = "https://example.org/data/weather.csv"


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

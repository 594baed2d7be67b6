"""Arrivals; the way there is tested with the engine."""

import pytest

from airnub_core.arrival import Item, confirmed, filed, validators
from airnub_core.network.transfer import Received
from airnub_core.outcome import Kind
from airnub_core.store.content_store import ContentStore

URL = "https://example.org/data/weather.csv"


@pytest.fixture
def store(tmp_path):
    """An empty store, and a staging folder of this process."""
    opened = ContentStore(tmp_path)
    with opened.staging() as staging:
        yield opened, staging


def received(staging, content, **headers):
    """An answer with a body."""
    body = staging.body()
    body.write(content)
    return Received(200, URL, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def test_names_come_from_the_server_else_from_the_url(store, network):
    """What is given wins, then Content-Disposition, then the end of the URL."""
    opened, staging = store
    item = Item("weather", URL, network)
    named = received(staging, b"1", content_disposition='attachment; filename="named.csv"')
    assert filed(opened, item, received(staging, b"0"), None, 1).row.path.endswith("/weather.csv")
    assert filed(opened, item, named, None, 1).row.path.endswith("/named.csv")
    assert filed(opened, item, received(staging, b"2"), None, 1, file_name="given.csv").row.path.endswith("/given.csv")


def test_new_bytes_name_those_before(store, network):
    """A changed URL is updated, and its manifest knows the digest of the last time."""
    opened, staging = store
    item = Item("weather", URL, network)
    first = filed(opened, item, received(staging, b"old"), None, 1)
    second = filed(opened, item, received(staging, b"new"), first.row, 1)
    again = filed(opened, item, received(staging, b"new"), second.row, 1)
    assert (first.kind, second.kind, again.kind) == (Kind.STORED, Kind.UPDATED, Kind.UNCHANGED)
    assert second.published.manifest.previous_digest == first.row.digest
    assert again.row.changed_at == second.row.changed_at


def test_a_confirmed_item_keeps_what_was_known(store, network):
    """After a 304 the object is the same, and the newer validators are remembered."""
    opened, staging = store
    item = Item("weather", URL, network)
    first = filed(opened, item, received(staging, b"old", etag='"1"', last_modified="Mon"), None, 1)
    assert validators(first.row) == {"if-none-match": '"1"', "if-modified-since": "Mon"}
    checked = confirmed(item, Received(304, URL, {"etag": '"2"'}, None), first.row, 1)
    assert (checked.kind, checked.row.digest, checked.size) == (Kind.UNCHANGED, first.row.digest, 3)
    assert validators(checked.row) == {"if-none-match": '"2"', "if-modified-since": "Mon"}


def test_what_cannot_be_sent_back_is_no_validator(store, network):
    """An ETag in other characters than ASCII is not asked with."""
    opened, staging = store
    row = filed(opened, Item("weather", URL, network), received(staging, b"x", etag='"é"'), None, 1).row
    assert validators(row) == {}
    assert validators(None) == {}

"""What the tests of the index share: rows, manifests, and an empty index of each kind."""

import pytest

from airnub_core.store.index import IndexRow, SqliteIndex
from airnub_core.store.manifest import url_digest


@pytest.fixture
def known():
    """Makes what is known of a URL; its object's digest is of one digit, its time a day of January."""

    def make(url="http://h/a", digit="1", day=1, source="s", **others):
        at = f"2026-01-{day:02}T00:00:00+00:00"
        path = f"{source}/{digit}"
        row = IndexRow(
            source=source,
            url_digest=url_digest(url),
            url=url,
            digest=f"sha256:{digit * 64}",
            path=path,
            size=3,
            manifest=f"{path}.manifest.json",
            etag='"e"',
            last_modified=None,
            checked_at=at,
            changed_at=at,
        )
        return row._replace(**others)

    return make


@pytest.fixture
def opened(place):
    """Opens the index once more, as another process would; all are closed at the end."""
    indexes = []

    def again():
        if isinstance(place, str):
            from airnub_core.store.index.postgres import PostgresIndex

            indexes.append(PostgresIndex(place))
        else:
            indexes.append(SqliteIndex(place))
        return indexes[-1]

    yield again
    for index in indexes:
        index.close()


@pytest.fixture
def index(opened):
    """A new index of each kind."""
    return opened()

"""What the tests of the index share: rows, manifests, and an empty index of each kind."""

from datetime import UTC, datetime

import pytest

from airnub_core.store.index import IndexRow, SqliteIndex
from airnub_core.store.manifest import Manifest, url_digest


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
def manifest():
    """Makes a manifest of a URL with a digest of one digit, fetched on a day of January."""

    def make(url, digit, day, source="s"):
        return Manifest(
            source=source,
            url=url,
            url_digest=url_digest(url),
            final_url=url,
            path=f"{source}/{digit}",
            file_name="a",
            original_file_name="a",
            digest=f"sha256:{digit * 64}",
            size=1,
            headers={"etag": '"e"', "last-modified": "then"},
            fetched_at=datetime(2026, 1, day, tzinfo=UTC),
        )

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """Where an index is: a file that is not there yet, or the URL of an empty schema."""
    return tmp_path / "index.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres_url")


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

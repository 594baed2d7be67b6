"""The index."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from airnub_core.errors import DamagedIndexError, StoreError
from airnub_core.store.index import Known, SqliteIndex, Version
from airnub_core.store.manifest import Manifest, url_digest


@pytest.fixture
def index(tmp_path):
    """An index in a new file."""
    opened = SqliteIndex(tmp_path / "index.sqlite")
    yield opened
    opened.close()


def known(url="http://h/a", digest="sha256:1", at="2026-01-01T00:00:00+00:00", source="s"):
    """What is known of a URL."""
    return Known(
        source, url_digest(url), url, digest, f"{source}/x", 3, f"{source}/x.manifest.json", '"e"', None, at, at
    )


def manifest(url, digit, day, source="s"):
    """A manifest of a URL with a digest of one digit, fetched on a day."""
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


def test_what_was_recorded_is_known(index):
    """By source and URL; other sources and URLs are not."""
    index.record([known()])
    assert index.lookup("s", ["http://h/a", "http://h/b"]) == {"http://h/a": known()}
    assert index.lookup("t", ["http://h/a"]) == {}
    assert index.lookup("s", []) == {}


def test_the_last_word_counts(index):
    """A URL has one current state, and all the states that it changed to."""
    later = known(digest="sha256:2", at="2026-01-02T00:00:00+00:00")
    index.record([known()], changed=[known()])
    index.record([later], changed=[later])
    index.record([replace(later, checked_at="2026-01-03T00:00:00+00:00")])
    [current] = index.current("s")
    assert (current.digest, current.checked_at) == ("sha256:2", "2026-01-03T00:00:00+00:00")
    assert index.versions("s", "http://h/a") == [
        Version(row.changed_at, row.digest, row.manifest) for row in (known(), later)
    ]
    assert index.versions("s", "http://h/b") == []


def test_many_urls_at_once(index):
    """More than SQLite takes in one question."""
    rows = [known(f"http://h/{number}") for number in range(1200)]
    index.record(rows, rows)
    assert len(index.lookup("s", [row.url for row in rows])) == 1200
    assert [row.url for row in index.current("s")] == sorted(row.url for row in rows)


def test_watermarks(index):
    """One for each source, and none before the first."""
    assert index.watermark("s") is None
    index.move_watermark("s", "1")
    index.move_watermark("s", "2")
    assert (index.watermark("s"), index.watermark("t")) == ("2", None)


def test_everything_survives_closing(tmp_path):
    """What was recorded is in the file."""
    for _ in range(2):
        index = SqliteIndex(tmp_path / "deep" / "index.sqlite")
        index.record([known()], [known()])
        index.move_watermark("s", "1")
        index.close()
    index = SqliteIndex(tmp_path / "deep" / "index.sqlite")
    assert (index.current("s"), len(index.versions("s", "http://h/a")), index.watermark("s")) == ([known()], 1, "1")
    index.close()


def test_two_see_each_other(index, tmp_path):
    """Two processes of one machine may have it open."""
    other = SqliteIndex(tmp_path / "index.sqlite")
    other.record([known()])
    assert index.lookup("s", ["http://h/a"])
    other.close()


def test_it_is_rebuilt_from_manifests(index):
    """The newest state of each URL is current, all are versions; watermarks stay."""
    index.record([known("http://h/gone")])
    index.move_watermark("s", "1")
    assert not index.is_built
    index.rebuild(
        {
            "m2": manifest("http://h/a", "2", 2),
            "m1": manifest("http://h/a", "1", 1),
            "m3": manifest("http://h/b", "3", 1),
        }
    )
    assert index.is_built
    assert [(row.url, row.digest[-1], row.manifest, row.etag) for row in index.current("s")] == [
        ("http://h/a", "2", "m2", '"e"'),
        ("http://h/b", "3", "m3", '"e"'),
    ]
    assert [version.manifest for version in index.versions("s", "http://h/a")] == ["m1", "m2"]
    assert index.watermark("s") == "1"


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\0" + b"\xff" * 4096])
def test_garbage_is_a_damaged_index(tmp_path, content):
    """And nothing keeps the file open afterwards."""
    path = tmp_path / "index.sqlite"
    path.write_bytes(content)
    with pytest.raises(DamagedIndexError, match=r"store reindex") as error:
        SqliteIndex(path)
    assert error.value.path == str(path)


def test_another_programs_database_is_a_damaged_index(tmp_path):
    """Tables of the same names with other columns."""
    path = tmp_path / "index.sqlite"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE url (address TEXT)")
    other.close()
    with pytest.raises(DamagedIndexError):
        SqliteIndex(path)


def test_damage_in_the_middle_is_told_when_it_is_met(tmp_path):
    """As an error of the store, not of SQLite."""
    path = tmp_path / "index.sqlite"
    index = SqliteIndex(path)
    rows = [known(f"http://h/{number}") for number in range(500)]
    index.record(rows, rows)
    index.close()
    content = bytearray(path.read_bytes())
    content[4096 * 4 :] = b"\xff" * (len(content) - 4096 * 4)
    path.write_bytes(content)
    index = SqliteIndex(path)
    with pytest.raises(DamagedIndexError):
        index.current("s")
    index.close()


def test_what_is_wrong_with_the_disk_is_no_damage(tmp_path):
    """A folder in the file's place: an error of the store, and nothing is set aside for it."""
    (tmp_path / "index.sqlite").mkdir()
    with pytest.raises(StoreError) as error:
        SqliteIndex(tmp_path / "index.sqlite")
    assert not isinstance(error.value, DamagedIndexError)


def test_a_closed_index_is_an_error_of_the_store(tmp_path):
    """Whoever comes too late is told in our own words."""
    index = SqliteIndex(tmp_path / "index.sqlite")
    index.close()
    for ask in (
        lambda: index.lookup("s", ["u"]),
        lambda: index.record([known()]),
        lambda: index.watermark("s"),
        lambda: index.is_built,
    ):
        with pytest.raises(StoreError):
            ask()


def test_a_failed_recording_leaves_nothing(index):
    """One call is one transaction."""
    with pytest.raises(StoreError):
        index.record([known("http://h/b"), replace(known("http://h/c"), digest=None)])
    assert index.lookup("s", ["http://h/b"]) == {}

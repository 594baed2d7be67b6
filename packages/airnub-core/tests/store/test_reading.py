"""Reading what was ingested."""

import pytest

from airnub_core import FileSource, StoreLocation, open_store, reindex
from airnub_core.errors import DamagedObjectError, DatasetError
from airnub_core.sample_site import Reply
from airnub_core.store.reading import objects_by_age, read_current


@pytest.fixture
def stored(site, run):
    """A source with two equal files, one other, and a file of another kind."""
    site.routes |= {"/a.csv": Reply(b"a"), "/b.csv": Reply(b"b"), "/c.csv": Reply(b"a"), "/d.txt": Reply(b"d")}
    return run(FileSource(name="s", urls=[site.url(path) for path in site.routes]))


def test_current_objects_are_read(tmp_path, site, run, stored):
    """Each once, in its newest version, the one that changed last at the end."""
    assert sorted(read_current(tmp_path, "s", ".csv")) == [b"a", b"b"]
    site.routes["/b.csv"] = Reply(b"new")
    run(FileSource(name="s", urls=[site.url("/b.csv")]))
    assert list(read_current(tmp_path, "s", ".csv")) == [b"a", b"new"]


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """A store with an index of each kind."""
    index = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return StoreLocation(tmp_path / "store", index=index, local=tmp_path / "local")


@pytest.fixture
def ingest(site, run, place):
    """Serve files and ingest them, one run for each."""

    def ingested(*files):
        for path, content in files:
            site.routes[path] = Reply(content)
            run(FileSource(name="s", urls=[site.url(path)]), root=place)

    return ingested


def test_the_order_is_that_of_changes(place, ingest):
    """Whatever the URLs are called; a check that finds nothing new changes nothing, and neither does a new index."""
    ingest(("/c.csv", b"1"), ("/a.csv", b"2"), ("/b.csv", b"3"), ("/c.csv", b"4"), ("/a.csv", b"2"))
    assert list(read_current(place, "s", ".csv")) == [b"2", b"3", b"4"]
    reindex(place)
    assert list(read_current(place, "s", ".csv")) == [b"2", b"3", b"4"]


def test_a_shared_object_counts_with_the_last_of_its_urls(place, ingest):
    """Also after a reindex."""
    ingest(("/a.csv", b"shared"), ("/b.csv", b"other"), ("/c.csv", b"shared"))
    assert list(read_current(place, "s", ".csv")) == [b"other", b"shared"]
    reindex(place)
    assert list(read_current(place, "s", ".csv")) == [b"other", b"shared"]


def test_a_return_to_earlier_bytes_is_a_change(place, ingest):
    """The index knows it; a new index does not, until the next ingestion puts it right."""
    ingest(("/a.csv", b"1"), ("/b.csv", b"2"), ("/a.csv", b"0"), ("/a.csv", b"1"))
    assert list(read_current(place, "s", ".csv")) == [b"2", b"1"]
    reindex(place)
    assert list(read_current(place, "s", ".csv")) == [b"2", b"0"]
    ingest(("/a.csv", b"1"))
    assert list(read_current(place, "s", ".csv")) == [b"2", b"1"]


def test_of_equal_times_the_digest_decides(tmp_path, stored):
    """Many URLs of one run have the same time; their order does not depend on their names."""
    with open_store(StoreLocation(tmp_path)) as (_, index):
        rows = [row._replace(changed_at="2026-01-01T00:00:00+00:00") for row in index.current("s")]
    assert list(objects_by_age(rows)) == sorted({row.digest for row in rows})
    assert objects_by_age(rows) == objects_by_age(reversed(rows))


def test_damaged_objects_are_not_handed_on(tmp_path, stored):
    """The digest is looked at."""
    (tmp_path / stored[0].path).write_bytes(b"x")
    with pytest.raises(DamagedObjectError):
        list(read_current(tmp_path, "s", ".csv"))


@pytest.mark.parametrize(("source", "suffix"), [("s", ".json"), ("t", ".csv")])
def test_nothing_to_read_is_an_error(tmp_path, stored, source, suffix):
    """It says what to do."""
    with pytest.raises(DatasetError, match="run the ingestion first"):
        list(read_current(tmp_path, source, suffix))


def test_no_store_is_an_error_and_none_is_made(tmp_path):
    """A mistyped path leaves no empty folder."""
    with pytest.raises(DatasetError, match="no such folder"):
        list(read_current(tmp_path / "none", "s", ".csv"))
    assert not (tmp_path / "none").exists()


def test_a_bucket_is_read(tmp_path, site, run, s3):
    """Wherever the place is; an empty one says what to do."""
    place = StoreLocation(s3.bucket(), local=tmp_path / "local")
    with pytest.raises(DatasetError, match=r"files of this source in s3://.*; run the ingestion first"):
        list(read_current(place, "s", ".csv"))
    site.routes["/a.csv"] = Reply(b"a")
    run(FileSource(name="s", urls=[site.url("/a.csv")]), root=place)
    assert list(read_current(place, "s", ".csv")) == [b"a"]

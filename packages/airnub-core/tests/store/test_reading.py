"""Reading what was ingested."""

import pytest

from airnub_core import FileSource, Place
from airnub_core.errors import DamagedObjectError, DatasetError
from airnub_core.sample_site import Reply
from airnub_core.store.reading import read_current


@pytest.fixture
def stored(site, run):
    """A source with two equal files, one other, and a file of another kind."""
    site.routes |= {"/a.csv": Reply(b"a"), "/b.csv": Reply(b"b"), "/c.csv": Reply(b"a"), "/d.txt": Reply(b"d")}
    return run(FileSource(name="s", urls=[site.url(path) for path in site.routes]))


def test_current_objects_are_read(tmp_path, site, run, stored):
    """Each once, in the order of URLs, and in its newest version."""
    assert list(read_current(tmp_path, "s", ".csv")) == [b"a", b"b"]
    site.routes["/b.csv"] = Reply(b"new")
    run(FileSource(name="s", urls=[site.url("/b.csv")]))
    assert list(read_current(tmp_path, "s", ".csv")) == [b"a", b"new"]


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
    place = Place(s3.bucket(), local=tmp_path / "local")
    with pytest.raises(DatasetError, match=r"files of this source in s3://.*; run the ingestion first"):
        list(read_current(place, "s", ".csv"))
    site.routes["/a.csv"] = Reply(b"a")
    run(FileSource(name="s", urls=[site.url("/a.csv")]), root=place)
    assert list(read_current(place, "s", ".csv")) == [b"a"]

"""Opening a store."""

import os
import stat

import pytest

from airnub_core import FileSource, Kind, open_store, reindex
from airnub_core.errors import StoreError
from airnub_core.sample_site import Reply
from airnub_core.store.manifest import url_digest

INDEX = ".airnub/index.sqlite"


@pytest.fixture
def source(site, run):
    """A source of two URLs that is in the store; its second run is all unchanged."""
    site.routes |= {"/a": Reply(b"a"), "/b": Reply(b"b")}
    files = FileSource(name="s", urls=[site.url("/a"), site.url("/b")])
    run(files)
    return files


def remove(root):
    """The index and what SQLite keeps beside it."""
    for path in (root / ".airnub").glob("index.sqlite*"):
        path.unlink()


def cut(root):
    """As after a power loss on a bad disk."""
    path = root / INDEX
    path.write_bytes(path.read_bytes()[:5000])


def fill_with_garbage(root):
    """No database at all."""
    remove(root)
    (root / INDEX).write_bytes(b"not a database " * 1000)


@pytest.mark.parametrize("harm", [remove, cut, fill_with_garbage])
def test_the_index_is_rebuilt_where_it_is_missing_or_damaged(tmp_path, site, run, source, harm):
    """The next run knows everything again and stores nothing twice."""
    harm(tmp_path)
    asked = len(site.asked)
    assert {outcome.kind for outcome in run(source)} == {Kind.UNCHANGED}
    assert all("if-none-match" in one.headers for one in site.asked[asked:])


def test_a_damaged_index_is_kept_aside(tmp_path, run, source):
    """Somebody may want to know what happened to it."""
    fill_with_garbage(tmp_path)
    run(source)
    assert (tmp_path / ".airnub" / "damaged-index.sqlite").read_bytes().startswith(b"not a database")


def test_damage_that_opening_does_not_see_is_mended_by_reindex(tmp_path, run, source):
    """Reindex never stands on what is there."""
    content = bytearray((tmp_path / INDEX).read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    (tmp_path / INDEX).write_bytes(content)
    assert reindex(tmp_path).objects == 2
    assert {outcome.kind for outcome in run(source)} == {Kind.UNCHANGED}


def test_a_damaged_object_does_not_come_into_a_rebuilt_index(tmp_path, site, run, source):
    """It is hashed before it is believed, so the next run fetches it again."""
    with open_store(tmp_path) as (_, index):
        [known] = index.find(url_digest(site.url("/a")))
    path = tmp_path / known.path
    path.write_bytes(b"")
    assert len(reindex(tmp_path).damaged) == 1
    first, second = run(source)
    assert (first.kind, second.kind) == (Kind.STORED, Kind.UNCHANGED)
    assert path.read_bytes() == b"a"


def test_a_store_is_created(tmp_path):
    """With all folders above it."""
    with open_store(tmp_path / "a" / "b") as (store, index):
        assert store.root.is_dir()
        assert index.current("s") == []
    assert reindex(tmp_path / "c").objects == 0


@pytest.mark.parametrize("opening", [reindex, lambda root: open_store(root).__enter__()])
def test_a_file_in_the_way_is_an_error_of_the_store(tmp_path, opening):
    """With its path."""
    (tmp_path / "store").write_text("x")
    with pytest.raises(StoreError, match="store"):
        opening(tmp_path / "store")


def test_an_index_that_cannot_be_opened_is_left_where_it_is(tmp_path):
    """A folder in its place is no damage: nothing is renamed, and the run fails."""
    (tmp_path / INDEX).mkdir(parents=True)
    with pytest.raises(StoreError), open_store(tmp_path):
        pass
    assert (tmp_path / INDEX).is_dir()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_that_may_only_be_read_is_an_error_of_the_store(tmp_path, run, source):
    """The run fails clearly."""
    tmp_path.joinpath(".airnub").chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(StoreError):
            run(source)
    finally:
        tmp_path.joinpath(".airnub").chmod(stat.S_IRWXU)

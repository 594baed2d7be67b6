"""Folders of objects."""

import pytest

from airnub_core import ContentStore, FileSource
from airnub_core.errors import DamagedManifestError
from airnub_core.sample_site import Reply
from airnub_core.store.listing import object_folders, remove_empty


@pytest.fixture
def stored(site, run, tmp_path):
    """A store of two sources with three objects, one of them with two manifests; it, and the outcomes."""
    site.routes |= {"/a": Reply(b"aaaa"), "/b": Reply(b"bb"), "/same": Reply(b"aaaa")}
    urls = [site.url(path) for path in site.routes]
    # By its letters the one comes before `s`, as a folder with something in it behind `s/`.
    outcomes = run(FileSource(name="s", urls=urls), FileSource(name="s-t", urls=urls[:1]))
    return ContentStore(tmp_path), outcomes


def test_every_folder_comes_once(stored):
    """With all that lies in it."""
    store, outcomes = stored
    found = {folder.path: (len(folder.objects), len(folder.manifests)) for folder in object_folders(store)}
    assert sorted(found.values()) == [(1, 1), (1, 1), (1, 2)]
    assert set(found) == {outcome.path.rpartition("/")[0] for outcome in outcomes}


def test_the_one_without_the_other(stored):
    """An object alone, a manifest alone, and one that is damaged have their folders too."""
    store, [a, b, _, other] = stored
    (store.root / a.path).unlink()
    (store.root / b.manifest).unlink()
    (store.root / other.manifest).write_bytes(b"{}")
    found = {folder.path: folder for folder in object_folders(store)}
    assert len(found) == 3
    assert found[a.path.rpartition("/")[0]].objects == []
    assert found[b.path.rpartition("/")[0]].manifests == []
    [(path, damaged)] = found[other.path.rpartition("/")[0]].manifests
    assert (path, type(damaged)) == (other.manifest, DamagedManifestError)


def test_no_store_has_no_folders(tmp_path):
    """And is no error."""
    assert list(object_folders(ContentStore(tmp_path / "none"))) == []


def test_empty_folders_go_up_to_one_that_is_not(tmp_path):
    """None is listed; one that cannot be removed for another reason is an error."""
    inner = tmp_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    (tmp_path / "a" / "file").touch()
    remove_empty([inner, *inner.parents])
    assert [path.name for path in tmp_path.glob("a/*")] == ["file"]
    with pytest.raises(FileNotFoundError):
        remove_empty([inner])

"""Verification: every kind of damage is named, and nothing else."""

import os

import pytest

from airnub_core import ContentStore, FileSource, verify
from airnub_core.errors import DamagedManifestError, DamagedObjectError
from airnub_core.sample_site import Reply
from airnub_core.store.fsck import object_folders
from airnub_core.store.gc import collect


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    opened = ContentStore(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def stored(site, run, tmp_path):
    """A store with two objects, one of them with two manifests; it, and the outcomes."""
    site.routes |= {"/a.csv": Reply(b"aaaa"), "/b.csv": Reply(b"bb"), "/same.csv": Reply(b"aaaa")}
    outcomes = run(FileSource(name="s", urls=[site.url(path) for path in site.routes]))
    return ContentStore(tmp_path), outcomes


def test_a_whole_store_is_whole(stored):
    """Objects and sizes are counted, and told one by one."""
    store, _ = stored
    sizes = []
    result = verify(store, sizes.append)
    assert (result.objects, result.size, sorted(sizes), result.damaged) == (2, 6, [2, 4], [])
    assert len(result.sound) == 3


@pytest.mark.parametrize("damage", [b"", b"aaa", b"aaab", b"aaaaa"])
def test_a_damaged_object_is_named(stored, damage):
    """Once, with both digests; its manifests are not sound."""
    store, [first, *_] = stored
    (store.root / first.path).write_bytes(damage)
    result = verify(store)
    [error] = result.damaged
    assert isinstance(error, DamagedObjectError)
    assert error.path == str(store.root / first.path)
    assert "expected sha256:" in str(error)
    assert len(result.sound) == 1


def test_a_missing_object_is_named_by_its_manifests(stored):
    """Each of them."""
    store, [first, *_] = stored
    (store.root / first.path).unlink()
    damaged = verify(store).damaged
    assert [type(error) for error in damaged] == [DamagedManifestError] * 2
    assert all("expected the object" in str(error) for error in damaged)


def test_a_damaged_manifest_is_named(stored):
    """Its object has none any more, and is named too."""
    store, [_, second, _] = stored
    (store.root / second.manifest).write_bytes(b"{}")
    assert [(type(error), error.path) for error in verify(store).damaged] == [
        (DamagedManifestError, str(store.root / second.manifest)),
        (DamagedManifestError, str(store.root / second.path)),
    ]


def test_a_missing_manifest_is_named(stored):
    """An object that nobody knows anything about."""
    store, [_, second, _] = stored
    (store.root / second.manifest).unlink()
    [error] = verify(store).damaged
    assert "expected a manifest beside the object" in str(error)


def test_a_manifest_with_another_size_is_named(stored):
    """It was edited by hand."""
    store, [_, second, _] = stored
    path = store.root / second.manifest
    path.write_bytes(path.read_bytes().replace(b'"size": 2', b'"size": 3'))
    [error] = verify(store).damaged
    assert "expected a size of 2 bytes, found 3" in str(error)


def test_an_object_in_another_folder_is_named(stored):
    """Its folder is another digest's."""
    store, [first, *_] = stored
    wrong = store.root / "s" / "00" / ("0" * 64)
    wrong.mkdir(parents=True)
    (wrong / "a.csv").write_bytes((store.root / first.path).read_bytes())
    assert DamagedObjectError in [type(error) for error in verify(store).damaged]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_object_that_cannot_be_read_is_named(stored):
    """The system's own word is told."""
    store, [first, *_] = stored
    (store.root / first.path).chmod(0)
    assert any("Permission denied" in str(error) for error in verify(store).damaged)


def test_a_link_to_nowhere_is_no_object(stored):
    """Its manifests miss it."""
    store, [first, *_] = stored
    (store.root / first.path).unlink()
    (store.root / first.path).symlink_to(store.root / "nowhere")
    assert verify(store).objects == 1


def test_nothing_is_changed(stored, everything_in):
    """Whatever is found."""
    store, [first, *_] = stored
    (store.root / first.path).write_bytes(b"x")
    before = everything_in()
    verify(store)
    assert everything_in() == before


def test_an_empty_store_is_whole(tmp_path):
    """Also when there is none."""
    assert verify(ContentStore(tmp_path / "none")).objects == 0


def test_manifests_are_kept_where_they_are_wanted(stored):
    """A large store is checked in little memory without them."""
    store, _ = stored
    result = verify(store, keep_manifests=False)
    assert (result.manifests, result.sound, result.damaged) == (3, {}, [])


def test_a_store_of_many_folders_is_checked_in_order(tmp_path):
    """More than are read ahead; damage among them is named in the order of paths."""
    store = ContentStore(tmp_path)
    for number in range(300):
        folder = tmp_path / "s" / f"{number % 100:02}" / f"{number:064}"
        folder.mkdir(parents=True)
        (folder / "a").write_bytes(b"x")
    result = verify(store)
    assert (result.objects, result.size) == (300, 300)
    named = [error.path for error in result.damaged if isinstance(error, DamagedObjectError)]
    assert len(named) == 300
    assert named == sorted(named)


def test_a_folder_is_listed_as_often_as_it_has_kinds_of_files(store, stage, listed):
    """Once for objects and once for manifests, however many URLs brought the same bytes; also by a collection."""
    store.publish([stage(url=f"http://h/{number}") for number in range(20)])
    [path] = store.objects()
    for look in (verify, lambda of: collect(of.root, dry_run=True)):
        listed.clear()
        look(store)
        assert listed.count((store.root / path).parent) <= 3
    assert len(verify(store).sound) == 20


@pytest.fixture
def two_sources(site, run, tmp_path):
    """A store of two sources with three objects, one of them with two manifests; it, and the outcomes."""
    site.routes |= {"/a": Reply(b"aaaa"), "/b": Reply(b"bb"), "/same": Reply(b"aaaa")}
    urls = [site.url(path) for path in site.routes]
    # By its letters the one comes before `s`, as a folder with something in it behind `s/`.
    outcomes = run(FileSource(name="s", urls=urls), FileSource(name="s-t", urls=urls[:1]))
    return ContentStore(tmp_path), outcomes


def test_every_folder_comes_once(two_sources):
    """With all that lies in it."""
    store, outcomes = two_sources
    found = {folder.path: (len(folder.objects), len(folder.manifests)) for folder in object_folders(store)}
    assert sorted(found.values()) == [(1, 1), (1, 1), (1, 2)]
    assert set(found) == {outcome.path.rpartition("/")[0] for outcome in outcomes}


def test_the_one_without_the_other(two_sources):
    """An object alone, a manifest alone, and one that is damaged have their folders too."""
    store, [a, b, _, other] = two_sources
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

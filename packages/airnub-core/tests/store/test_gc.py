"""Collection: what nobody refers to goes, and nothing else."""

import os

import pytest

from airnub_core import ContentStore, FileSource, verify
from airnub_core.errors import StoreError
from airnub_core.sample_site import Reply
from airnub_core.store.factory import open_for_writing
from airnub_core.store.gc import Orphan, collect
from airnub_core.store.location import StoreLocation


@pytest.fixture
def stored(site, run, tmp_path):
    """A store with two objects, one of them with two manifests; it, and the outcomes."""
    site.routes |= {"/a": Reply(b"aaaa"), "/b": Reply(b"bb"), "/same": Reply(b"aaaa")}
    outcomes = run(FileSource(name="s", urls=[site.url(path) for path in site.routes]))
    return ContentStore(tmp_path), outcomes


def killed(store, content=b"12345"):
    """What a process that was killed leaves: its folder, which nobody holds the lock of."""
    folder = store.hidden / "staging" / "tmpdead"
    (folder / "1").mkdir(parents=True)
    (folder / "lock").touch()
    (folder / "1" / "body").write_bytes(content)
    return Orphan(".airnub/staging/tmpdead", "staging", len(content))


def test_a_sound_store_is_left_alone(stored, everything_in):
    """To the last byte."""
    store, _ = stored
    before = everything_in()
    result = collect(store.root)
    assert (result.found, result.removed, result.writers) == ([], [], 0)
    assert everything_in() == before


def test_an_object_without_a_manifest_goes(stored):
    """With the folders that it leaves empty; all else is whole."""
    store, [_, b, _] = stored
    (store.root / b.manifest).unlink()
    result = collect(store.root)
    assert result.found == result.removed == [Orphan(b.path, "object", 2)]
    assert not (store.root / b.path).parent.parent.exists()
    checked = verify(store)
    assert (checked.objects, checked.damaged) == (1, [])
    assert collect(store.root).found == []


def test_a_second_object_of_a_folder_goes_alone(stored):
    """One that was put there by hand."""
    store, [a, *_] = stored
    stray = (store.root / a.path).with_name("stray.csv")
    stray.write_bytes(b"stray")
    assert [one.path for one in collect(store.root).removed] == [stray.relative_to(store.root).as_posix()]
    assert (store.root / a.path).exists()


def test_a_dry_run_removes_nothing(stored, everything_in):
    """It names the same."""
    store, [_, b, _] = stored
    (store.root / b.manifest).unlink()
    dead = killed(store)
    (store.hidden / "damaged-index.sqlite").write_bytes(b"x")
    (store.root / "empty" / "ab").mkdir(parents=True)
    before = everything_in()
    dry = collect(store.root, dry_run=True)
    assert everything_in() == before
    assert dry.removed == []
    wet = collect(store.root)
    assert wet.found == wet.removed
    assert [*dry.found, Orphan("empty", "folder", 0)] == wet.found
    assert dry.found == [
        dead,
        Orphan(".airnub/damaged-index.sqlite", "index", 1),
        Orphan(b.path, "object", 2),
        Orphan("empty/ab", "folder", 0),
    ]


def test_what_a_live_process_may_use_is_left(stored):
    """It may be about to give the object a manifest, and its folder is its own; what the dead left goes."""
    store, [_, b, _] = stored
    (store.root / b.manifest).unlink()
    (store.root / "empty").mkdir()
    with open_for_writing(store.root) as opened:
        its = opened.staging.folder / "own" / "1" / "body"
        its.parent.mkdir(parents=True)
        its.write_bytes(b"on its way")
        dead = killed(store)
        result = collect(store.root)
        assert (result.writers, result.removed) == (1, [dead])
        assert {one.kind for one in result.found} == {"staging", "object", "folder"}
        assert its.read_bytes() == b"on its way"
    assert len(collect(store.root).removed) == 2


def test_what_lies_beside_a_damaged_manifest_is_left(stored):
    """Nobody knows what that refers to; `verify` names it."""
    store, [_, b, _] = stored
    (store.root / b.manifest).write_bytes(b"{}")
    assert collect(store.root).found == []


def test_a_manifest_without_its_object_is_left(stored):
    """It tells what was there."""
    store, [a, *_] = stored
    (store.root / a.path).unlink()
    assert collect(store.root).found == []
    assert (store.root / a.manifest).exists()


def test_no_store_is_no_error(tmp_path):
    """And none is made."""
    assert collect(tmp_path / "none").found == []
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root removes everything")
def test_what_cannot_be_removed_is_an_error(stored):
    """With its path."""
    store, [_, b, _] = stored
    (store.root / b.manifest).unlink()
    (store.root / b.path).parent.chmod(0o500)
    with pytest.raises(StoreError, match="Permission denied"):
        collect(store.root)
    (store.root / b.path).parent.chmod(0o700)


def test_in_a_bucket_objects_without_a_manifest_go(s3, site, run, tmp_path):
    """With the name that their bytes went by; all else is left, and there is nothing local to look at."""
    site.routes |= {"/a": Reply(b"aaaa"), "/b": Reply(b"bb")}
    place = StoreLocation(s3.bucket(), local=tmp_path)
    [_, b] = run(FileSource(name="s", urls=[site.url(path) for path in site.routes]), root=place)
    store = place.store()
    assert collect(place).found == []
    store.remove(b.manifest)
    expected = [Orphan(b.path, "object", 2)]
    dry = collect(place, dry_run=True)
    assert (dry.found, dry.removed) == (expected, [])
    assert collect(place).removed == expected
    checked = verify(store)
    assert (checked.objects, checked.damaged) == (1, [])
    assert collect(place).found == []

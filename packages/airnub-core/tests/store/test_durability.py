"""Durability. That bytes survive a power loss cannot be seen from here; that they are asked to, and refused, can."""

import sys
from pathlib import Path

import pytest

from airnub_core.store import durability
from airnub_core.store.durability import defer_sync, is_untouched, mount_of, with_parents


@pytest.fixture
def written(tmp_path):
    """A folder three levels below the root, with two files."""
    folder = tmp_path / "s" / "ab" / "abcd"
    folder.mkdir(parents=True)
    (folder / "a").write_bytes(b"x")
    (folder / "b").write_bytes(b"y")
    return folder


def test_written_folders_are_made_durable(tmp_path, written):
    """Nothing about them changes."""
    durability.make_durable(tmp_path, [written])
    assert {path.read_bytes() for path in written.iterdir()} == {b"x", b"y"}


def test_file_by_file_where_the_system_has_no_syncfs(written):
    """As on macOS: a folder with the files in it, and files by themselves."""
    durability.sync_each([written, written / "a", written.parent])
    assert {path.read_bytes() for path in written.iterdir()} == {b"x", b"y"}


def test_files_are_synced_before_the_folders_that_name_them(written, monkeypatch):
    """Each as it was given, and no folder but those."""
    synced = []
    monkeypatch.setattr(durability, "_sync", lambda path: synced.append(Path(path)))
    durability.sync_each([written.parent, written, written.parent.parent])
    assert set(synced[:2]) == {written / "a", written / "b"}
    assert synced[2:] == [written.parent, written, written.parent.parent]


def test_whether_the_system_syncs_at_once(monkeypatch):
    """As the calls that it has say."""
    monkeypatch.setattr(durability, "_syncfs", None)
    assert not durability.syncs_at_once()
    monkeypatch.setattr(durability, "_syncfs", lambda _handle: 0)
    assert durability.syncs_at_once()


def test_what_is_not_there_cannot_be_made_durable(tmp_path):
    """It is an error, and nobody may call it stored."""
    with pytest.raises(FileNotFoundError):
        durability.sync_each([tmp_path / "nowhere"])
    with pytest.raises(FileNotFoundError):
        durability.make_durable(tmp_path / "nowhere", [tmp_path / "nowhere" / "x"])


def test_of_a_folder_the_entries_alone(written, monkeypatch):
    """Not the files in it; and a folder that is named twice is synced once."""
    synced = []
    monkeypatch.setattr(durability, "_sync", lambda path: synced.append(Path(path)))
    durability.sync_each([written / "a", written.parent], [written, written.parent])
    assert synced == [written / "a", written.parent, written]


def test_folders_with_those_that_name_them(tmp_path):
    """Each once, however many paths share it."""
    paths = [str(tmp_path / "s" / "ab" / digest) for digest in ("1", "2")]
    found = list(with_parents(paths, above=2))
    assert found == [str(tmp_path / one) for one in ("s/ab/1", "s/ab", "s", "s/ab/2")]


@pytest.fixture
def mount(monkeypatch):
    """The system has names for mounts; a list of which the only entry is that of now."""
    now = ["boot 1"]
    monkeypatch.setattr(durability, "mount_of", lambda _folder: now[0])
    monkeypatch.setattr(durability, "syncs_at_once", lambda: True)
    return now


def test_what_is_left_is_untouched(tmp_path, mount):
    """As long as its file system stays mounted."""
    assert not is_untouched(tmp_path)
    defer_sync(tmp_path)
    assert is_untouched(tmp_path)
    for mount[0] in ("boot 2", "other 1", "boot 10", "boot", None):
        assert not is_untouched(tmp_path)


def test_where_mounts_have_no_names(tmp_path, mount):
    """Nobody can say, now or later."""
    mount[0] = None
    defer_sync(tmp_path)
    assert not is_untouched(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_where_the_system_cannot_sync_at_once(tmp_path, mount, monkeypatch):
    """It would have to be looked at what is to be synced: then the logs may as well be read."""
    defer_sync(tmp_path)
    monkeypatch.setattr(durability, "syncs_at_once", lambda: False)
    assert not is_untouched(tmp_path)
    (tmp_path / "left").unlink()
    defer_sync(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\0" * 6, b"\xff", b"boot", b"boot 1\0"])
def test_a_mark_that_a_crash_has_cut(tmp_path, mount, content):
    """It marks nothing."""
    (tmp_path / "left").write_bytes(content)
    assert not is_untouched(tmp_path)


def test_this_system(tmp_path):
    """What it says of itself fits together."""
    defer_sync(tmp_path)
    assert is_untouched(tmp_path) == (durability.syncs_at_once() and durability.mount_of(tmp_path) is not None)


# --- names of mounts


def needs_names(folder):
    """Skip where the system has no names for mounts."""
    if mount_of(folder) is None:
        pytest.skip("mounts have names since Linux 6.8")


def test_one_mount_has_one_name(tmp_path):
    """Whatever folder of it is looked at, and however often."""
    needs_names(tmp_path)
    (tmp_path / "a").mkdir()
    assert mount_of(tmp_path) == mount_of(tmp_path / "a") == mount_of(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_two_mounts_have_two_names(tmp_path):
    """Of one boot."""
    needs_names(tmp_path)
    assert mount_of(tmp_path) != mount_of("/proc")
    assert mount_of(tmp_path).split()[0] == mount_of("/proc").split()[0]


def test_the_next_boot_is_another_mount(tmp_path, monkeypatch):
    """Though it may count from the same number on."""
    needs_names(tmp_path)
    before = mount_of(tmp_path)
    boot = tmp_path / "boot_id"
    boot.write_text("another\n")
    monkeypatch.setattr(durability, "_BOOT", boot)
    assert mount_of(tmp_path) == f"another {before.split()[1]}"
    boot.unlink()
    assert mount_of(tmp_path) is None


def test_a_system_without_names(tmp_path, monkeypatch):
    """As on macOS, or where the kernel answers without that field: none is made up."""
    monkeypatch.setattr(durability, "_statx", lambda *_arguments: 0)
    assert mount_of(tmp_path) is None
    monkeypatch.setattr(durability, "_statx", None)
    assert mount_of(tmp_path) is None


def test_a_folder_that_is_not_there(tmp_path):
    """It is an error, with its path."""
    if durability._statx is None:
        pytest.skip("the system has no statx")
    with pytest.raises(FileNotFoundError, match="none"):
        mount_of(tmp_path / "none")

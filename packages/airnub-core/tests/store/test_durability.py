"""Durability. That bytes survive a power loss cannot be seen from here; that they are asked to, and refused, can."""

import pytest

from airnub_core.store import durability


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
    monkeypatch.setattr(durability, "_sync", synced.append)
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
    monkeypatch.setattr(durability, "_sync", synced.append)
    durability.sync_each([written / "a", written.parent], [written, written.parent])
    assert synced == [written / "a", written.parent, written]

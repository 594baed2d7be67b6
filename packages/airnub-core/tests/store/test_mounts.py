"""Mounts."""

import sys

import pytest

from airnub_core.store import mounts
from airnub_core.store.mounts import mount_of


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
    monkeypatch.setattr(mounts, "_BOOT", boot)
    assert mount_of(tmp_path) == f"another {before.split()[1]}"
    boot.unlink()
    assert mount_of(tmp_path) is None


def test_a_system_without_names(tmp_path, monkeypatch):
    """As on macOS, or where the kernel answers without that field: none is made up."""
    monkeypatch.setattr(mounts, "_statx", lambda *_arguments: 0)
    assert mount_of(tmp_path) is None
    monkeypatch.setattr(mounts, "_statx", None)
    assert mount_of(tmp_path) is None


def test_a_folder_that_is_not_there(tmp_path):
    """It is an error, with its path."""
    if mounts._statx is None:
        pytest.skip("the system has no statx")
    with pytest.raises(FileNotFoundError, match="none"):
        mount_of(tmp_path / "none")

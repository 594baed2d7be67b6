"""Atomic files."""

import os

import pytest

from airnub_common import atomic_file, write_atomic


def test_text_and_bytes_are_written_whole(tmp_path):
    """Folders are created, text is UTF-8, line ends are kept."""
    path = tmp_path / "new" / "folder" / "note.txt"
    write_atomic(path, "größe\r\n")
    assert path.read_bytes() == "größe\r\n".encode()
    write_atomic(path, b"\0")
    assert path.read_bytes() == b"\0"


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt])
def test_interrupted_write_leaves_the_old_file(tmp_path, interruption):
    """After an error or Ctrl-C the old content is there and nothing else."""
    path = tmp_path / "file"
    write_atomic(path, "old")

    def interrupted():
        with atomic_file(path) as temporary:
            temporary.write_text("half")
            raise interruption

    pytest.raises(interruption, interrupted)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_mode_follows_the_umask(tmp_path):
    """A published file can be read by whom the umask allows."""
    mask = os.umask(0o027)
    try:
        write_atomic(tmp_path / "file", "x")
    finally:
        os.umask(mask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640

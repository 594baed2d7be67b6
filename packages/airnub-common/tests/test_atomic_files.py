"""Atomic files."""

import os
from pathlib import Path

import pytest

from airnub_common import atomic_file, write_atomic


def test_text_and_bytes_are_written_whole(tmp_path):
    """Folders are created, text is encoded as UTF-8, and line ends are kept."""
    path = tmp_path / "new" / "folder" / "note.txt"
    write_atomic(path, "größe\r\n")
    assert path.read_bytes() == "größe\r\n".encode()
    write_atomic(path, b"\0")
    assert path.read_bytes() == b"\0"


def test_devices_and_pipes_are_written_in_place(tmp_path):
    """`-o /dev/stdout` replaced the link, and `-o /dev/null` the device, for all programs of the machine."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomic(pipe, "x")
    assert os.read(reader, 9) == b"x"
    os.close(reader)
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_link_to_an_open_file_is_written_in_place(tmp_path):
    """As /dev/stdout is, when a shell redirects it into a file."""
    with (tmp_path / "out").open("w") as out:
        place = Path(f"/proc/self/fd/{out.fileno()}")
        write_atomic(place, "x")
        assert place.is_symlink()
    assert (tmp_path / "out").read_text() == "x"


@pytest.mark.parametrize("interruption", [ValueError, KeyboardInterrupt])
def test_interrupted_write_leaves_the_old_file(tmp_path, interruption):
    """After an error or Ctrl-C the previous content is unchanged and no temporary file is left."""
    path = tmp_path / "file"
    write_atomic(path, "old")

    with pytest.raises(interruption), atomic_file(path) as temporary:  # noqa: PT012  # the block is what is tested
        temporary.write_text("half")
        raise interruption
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_mode_follows_the_umask(tmp_path):
    """The mode of a published file follows the umask."""
    mask = os.umask(0o027)
    try:
        write_atomic(tmp_path / "file", "x")
    finally:
        os.umask(mask)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640

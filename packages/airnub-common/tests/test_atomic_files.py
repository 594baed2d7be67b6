"""Atomic files."""

import os
import subprocess
import sys
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


@pytest.mark.parametrize("mode", ["w", "a"])
def test_a_link_to_an_open_file_is_written_where_it_stands(tmp_path, mode):
    """As /dev/stdout is, when a shell redirects it into a file; what is before and after stays."""
    (tmp_path / "out").write_text("log\n")
    with (tmp_path / "out").open(mode) as out:
        print("before", file=out, flush=True)
        place = Path(f"/proc/self/fd/{out.fileno()}")
        write_atomic(place, "x\n")
        print("after", file=out)
        assert place.is_symlink()
    expected = "before\nx\nafter\n"
    assert (tmp_path / "out").read_text() == (expected if mode == "w" else f"log\n{expected}")


def test_stdout_is_not_opened_again(tmp_path):
    """A log that a shell appends to keeps its lines."""
    (tmp_path / "log").write_text("log\n")
    script = "import pathlib, airnub_common; airnub_common.write_atomic(pathlib.Path('/dev/stdout'), 'x')"
    with (tmp_path / "log").open("a") as log:
        subprocess.run([sys.executable, "-c", script], stdout=log, check=True)
    assert (tmp_path / "log").read_text() == "log\nx"


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

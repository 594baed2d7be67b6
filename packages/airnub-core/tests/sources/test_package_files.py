"""Package files."""

import os
import socket

import pytest

from airnub_core.sources.package_files import read_inside


@pytest.fixture
def package(tmp_path):
    """A package's folder, with a file, folders and links inside; its own path is a link."""
    real = tmp_path / "real"
    (real / "urls").mkdir(parents=True)
    (real / "urls" / "a.txt").write_bytes(b"inside")
    (real / "link.txt").symlink_to("urls/a.txt")
    (tmp_path / "outside").write_bytes(b"hunter2")
    package = tmp_path / "package"
    package.symlink_to(real)
    return package


@pytest.mark.parametrize("name", ["urls/a.txt", "./urls//a.txt", "urls/../urls/a.txt", "link.txt"])
def test_a_file_inside_is_read(package, name):
    """Also by a link that stays inside."""
    assert read_inside(package, name, 6) == b"inside"


def test_a_larger_file_is_refused(package):
    """By one byte."""
    with pytest.raises(ValueError, match="expected a file of at most 5 bytes, found a larger one"):
        read_inside(package, "urls/a.txt", 5)


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "../outside",
        "../missing",
        "urls/../../outside",
        "urls/../../package-2/a",
        "/etc/hostname",
        "/missing",
        "//etc/hostname",
        "/proc/self/environ",
        "out.txt",
        "dangling.txt",
        "up/outside",
        "up/up/outside",
        "loop.txt",
        "a\0b",
    ],
)
def test_what_leads_outside_is_refused(package, name):
    """By `..`, an absolute path or a link, whether there is such a file or not: both are refused in the same words."""
    (package / "out.txt").symlink_to("../outside")
    (package / "dangling.txt").symlink_to("../missing")
    (package / "up").symlink_to("..")
    (package / "loop.txt").symlink_to("loop.txt")
    with pytest.raises((ValueError, OSError), match=r"expected a file in the folder|symbolic links"):
        read_inside(package, name, 100)


def test_an_absolute_path_is_refused_even_inside(package):
    """It is a different one on every machine."""
    with pytest.raises(ValueError, match="found an absolute path"):
        read_inside(package, str(package / "urls" / "a.txt"), 100)


def test_a_folder_with_the_same_beginning_is_outside(package, tmp_path):
    """`real-2` is not in `real`."""
    (tmp_path / "real-2").write_bytes(b"x")
    with pytest.raises(ValueError, match="leads outside"):
        read_inside(package, "../real-2", 100)


@pytest.mark.parametrize("name", ["", ".", "urls", "pipe", "socket", "device"])
def test_only_regular_files_are_opened(package, name):
    """A FIFO would wait for a writer, and a device may never end."""
    os.mkfifo(package / "pipe")
    (package / "device").symlink_to(os.devnull)
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(package, os.O_RDONLY)
        try:
            listening.bind(f"/proc/self/fd/{here}/socket")  # the path of a socket is short
        except OSError:
            pytest.skip("no /proc here")
        finally:
            os.close(here)
        with pytest.raises(ValueError, match=r"expected a regular file, found|leads outside"):
            read_inside(package, name, 100)


def test_a_missing_file_is_an_error_of_the_system(package):
    """Inside of the folder the message may say what there is."""
    with pytest.raises(FileNotFoundError):
        read_inside(package, "urls/b.txt", 100)

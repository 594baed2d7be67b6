"""Files at known URLs."""

import os
import socket
import traceback

import pytest
from pydantic import ValidationError

from airnub_core import FileSource, Status
from airnub_core.errors import TooLargeError
from airnub_core.sample_site import Reply
from airnub_core.sources.files import MAX_URLS_FILE, read_inside

URL = "https://example.org/a"


def test_outcomes_come_in_the_order_of_the_settings(site, run):
    """Source by source, URL by URL; one that is named twice in a source is one item."""
    site.routes |= {path: Reply(path.encode()) for path in ("/a", "/b", "/c")}
    a, b, c = (site.url(path) for path in site.routes)
    outcomes = run(FileSource(name="s", urls=[c, a, c]), FileSource(name="t", urls=[b, a]))
    assert [(outcome.source, outcome.url) for outcome in outcomes] == [("s", c), ("s", a), ("t", b), ("t", a)]
    assert {outcome.kind for outcome in outcomes} == {Status.STORED}


def test_each_source_has_its_own_limits(site, run):
    """What one may, another may not."""
    site.routes["/a"] = Reply(b"x" * 100)
    small, large = run(
        FileSource(name="small", urls=[site.url("/a")], max_bytes=10), FileSource(name="large", urls=[site.url("/a")])
    )
    assert small.error == TooLargeError(site.url("/a"), 10)
    assert large.kind is Status.STORED


def test_files_without_urls_are_refused():
    """Nothing to fetch is a mistake."""
    with pytest.raises(ValidationError, match="expected urls or urls_file, found neither"):
        FileSource(name="s")


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_urls_of_a_file(tmp_path, start):
    """One a line behind those of the settings; comments and empty lines are left out, as is a byte order mark."""
    (tmp_path / "urls.txt").write_text(f"{start}{URL}/1\n\n# comment\n  {URL}/2#part  # why\r\n", encoding="utf-8")
    source = FileSource(name="s", urls=[URL], urls_file="urls.txt").with_urls_from(tmp_path)
    assert source.urls == [URL, f"{URL}/1", f"{URL}/2#part"]
    assert source.urls_file is None
    assert source.with_urls_from(tmp_path) is source


def test_a_line_that_is_no_url_is_named(tmp_path):
    """With file and line, and without what it says: it may be the wrong file."""
    (tmp_path / "urls.txt").write_text(f"{URL}\nhunter2\n")
    with pytest.raises(ValueError, match=r"urls\.txt:2: expected an http or https URL with a host") as error:
        FileSource(name="s", urls_file="urls.txt").with_urls_from(tmp_path)
    assert_hidden(error.value, "hunter2")


def test_a_file_that_is_missing_is_named(tmp_path):
    """With the source that names it."""
    with pytest.raises(ValueError, match=r"s: urls_file urls\.txt cannot be read: No such file"):
        FileSource(name="s", urls_file="urls.txt").with_urls_from(tmp_path)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    """No byte of it is shown."""
    (tmp_path / "urls.txt").write_bytes(b"\xff\xfehunter2")
    with pytest.raises(ValueError, match=r"s: urls_file urls\.txt: expected text in UTF-8") as error:
        FileSource(name="s", urls_file="urls.txt").with_urls_from(tmp_path)
    assert_hidden(error.value, "0xff", "hunter2")


@pytest.mark.parametrize("named", ["../secret", "{outside}", "link", "urls/../../secret", "folder/secret"])
def test_a_file_outside_of_the_package_is_not_read(tmp_path, named):
    """However it is named: a Variable and the parameter of a flow can name any file of the machine."""
    package = tmp_path / "package"
    package.mkdir()
    (tmp_path / "secret").write_text("hunter2\n")
    (package / "link").symlink_to(tmp_path / "secret")
    (package / "folder").symlink_to(tmp_path)
    source = FileSource(name="s", urls_file=named.format(outside=tmp_path / "secret"))
    with pytest.raises(ValueError, match="expected a file in the folder of the package") as error:
        source.with_urls_from(package)
    assert_hidden(error.value, "hunter2")


def test_a_file_that_is_too_large_is_refused(tmp_path):
    """And not read to its end."""
    with (tmp_path / "urls.txt").open("wb") as file:
        file.truncate(MAX_URLS_FILE + 1)
    with pytest.raises(ValueError, match="expected a file of at most 67,108,864 bytes"):
        FileSource(name="s", urls_file="urls.txt").with_urls_from(tmp_path)


def assert_hidden(error, *hidden):
    """Neither the message nor what caused it shows what the file says."""
    shown = "".join(traceback.format_exception(error))
    assert not [one for one in hidden if one in shown]


def test_a_file_without_urls_is_an_error(tmp_path):
    """A run never goes on with nothing."""
    (tmp_path / "urls.txt").write_text("# none yet\n")
    with pytest.raises(ValueError, match="expected at least one URL, found none"):
        FileSource(name="s", urls_file="urls.txt").with_urls_from(tmp_path)


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
    """Inside of the folder, the message may say what there is."""
    with pytest.raises(FileNotFoundError):
        read_inside(package, "urls/b.txt", 100)

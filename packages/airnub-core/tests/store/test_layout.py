"""Paths and names in a store."""

import pickle
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_common import safe_file_name
from airnub_core import ContentStore, FileSource, reindex, verify
from airnub_core.sample_site import Reply
from airnub_core.store.layout import SUFFIX, Staged, checked_source_name, object_name, object_path, shown_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.csv", "a.csv"),
        ("a.manifest.json", "a.manifest_json"),
        ("a.csv.manifest.json", "a.csv.manifest_json"),
        ("../x", "x"),
    ],
)
def test_no_object_is_called_like_a_manifest(name, safe):
    """All other names stay as near to what they were as is safe."""
    assert object_name(name).lstrip(".") == safe


@given(st.text() | st.text().map("{}.manifest.json".format))
def test_every_name_becomes_one_that_is_safe(name):
    """Whatever a server calls its file, it is one file in its folder; and safe names stay as they are."""
    safe = object_name(name)
    assert PurePosixPath(f"folder/{safe}").parts == ("folder", safe)
    assert not safe.endswith(SUFFIX)
    assert len(safe.encode()) <= 200
    assert object_name(safe) == safe


def test_where_it_is_staged():
    """In the folder of whoever staged, in that of the process; a log may have it too."""
    staged = Staged("/staging/tmp/a/1", "s", "a.csv", "ab" * 32, 7, "cd" * 32)
    assert staged.home == "/staging/tmp"
    assert not staged.is_logged


def test_where_an_object_lies():
    """Under its source, in a folder for the first digits, so that none holds too many."""
    assert object_path("s", "abcdef", "a.csv") == "s/ab/abcdef/a.csv"


def test_it_crosses_the_borders_of_processes():
    """As a plain value."""
    staged = Staged("/staging/1", "s", "a.csv", "ab" * 32, 7, "cd" * 32)
    assert pickle.loads(pickle.dumps(staged)) == staged


@pytest.mark.parametrize("name", ["a", "A", "0", "_x", "noaa_daily.v2-a", "a" * 100, "con_1", "console", "a..b", "a."])
def test_names(name):
    """Letters, digits, `_`, `-` and `.`, as they may stand in settings."""
    assert checked_source_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../../out",
        "/abs",
        ".airnub",
        ".hidden",
        "-x",
        "a/b",
        "a\\b",
        "a b",
        "a\n",
        "x\ny",
        "x\0",
        "ä",
        "a" * 101,
        "c:a",
        "CON",
        "con",
        "nul.txt",
        "Com1",
        "lpt9.tar.gz",
        "aux.",
    ],
)
def test_names_that_are_refused(name):
    """What leads elsewhere, is hidden, breaks a line or is reserved by Windows."""
    with pytest.raises(ValueError, match="expected the name of a source"):
        checked_source_name(name)


@given(st.text())
def test_a_name_is_a_safe_file_name(name):
    """But for dots at its end, which a store may have already; whatever is accepted stays in its folder."""
    try:
        checked_source_name(name)
    except ValueError:
        return
    assert safe_file_name(name) == name.rstrip(".")


@given(st.text())
def test_a_refused_name_is_shown_on_one_short_line(name):
    """Control characters and letters that look like others are escaped."""
    assert shown_name(name).isascii() or shown_name(name).endswith("…")
    assert shown_name(name).isprintable()
    assert len(shown_name(name)) <= 61


def test_a_store_with_a_name_that_was_valid_before_is_read(tmp_path, site, run):
    """The rule is for what is written from now on: an older store is verified, reindexed and read as before."""
    site.routes["/a.csv"] = Reply(b"a")
    [stored] = run(FileSource(name="s", urls=[site.url("/a.csv")]))
    manifest = tmp_path / stored.manifest
    written = manifest.read_text().replace('"source": "s"', '"source": "con"').replace('"path": "s/', '"path": "con/')
    manifest.write_text(written)
    (tmp_path / "s").rename(tmp_path / "con")
    store = ContentStore(tmp_path)
    assert verify(store).damaged == []
    assert reindex(tmp_path)
    assert store.read(stored.path.replace("s/", "con/", 1), stored.digest) == b"a"

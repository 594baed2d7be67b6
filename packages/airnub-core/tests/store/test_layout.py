"""What is staged."""

import pickle
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.store.layout import SUFFIX, Staged, object_name, object_path


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
    assert staged.home.as_posix() == "/staging/tmp"
    assert not staged.is_logged


def test_where_an_object_lies():
    """Under its source, in a folder for the first digits, so that none holds too many."""
    assert object_path("s", "abcdef", "a.csv") == "s/ab/abcdef/a.csv"


def test_it_crosses_the_borders_of_processes():
    """As a plain value."""
    staged = Staged("/staging/1", "s", "a.csv", "ab" * 32, 7, "cd" * 32)
    assert pickle.loads(pickle.dumps(staged)) == staged

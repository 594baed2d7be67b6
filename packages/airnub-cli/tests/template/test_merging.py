"""Merging: git's."""

import pytest

from airnub_cli.template.merging import merge
from airnub_cli.workspace import WorkspaceError

BASE = b"one\ntwo\nthree\nfour\nfive\n"


def test_changes_in_different_places():
    """Both are kept."""
    done = merge(BASE.replace(b"one", b"ONE"), BASE, BASE.replace(b"five", b"FIVE"))
    assert (done.content, done.conflicts) == (b"ONE\ntwo\nthree\nfour\nFIVE\n", 0)


def test_changes_in_the_same_place():
    """Marked as git marks them, with who has what; nothing is lost."""
    done = merge(BASE.replace(b"one", b"ours"), BASE, BASE.replace(b"one", b"theirs"))
    assert done.conflicts == 1
    assert done.content.startswith(b"<<<<<<< department\nours\n=======\ntheirs\n>>>>>>> template\ntwo\n")


def test_the_same_change_twice():
    """Is no conflict."""
    assert merge(b"x\n", BASE, b"x\n").conflicts == 0


def test_what_is_no_text():
    """Is not merged."""
    with pytest.raises(WorkspaceError, match="git cannot merge it"):
        merge(b"\0a", b"\0b", b"\0c")


def test_other_line_ends():
    """A department that ends its lines otherwise keeps that, and is no conflict everywhere."""
    ours = BASE.replace(b"one", b"ONE").replace(b"\n", b"\r\n")
    done = merge(ours, BASE, BASE.replace(b"five", b"FIVE"))
    assert (done.content, done.conflicts) == (b"ONE\r\ntwo\r\nthree\r\nfour\r\nFIVE\r\n", 0)

"""Renamed files, three-way merges by git, and the comparison file by file."""

import pytest

from airnub_cli.template.comparison import FileState, compare, merge, renames
from airnub_cli.workspace import WorkspaceError

A, B = b"1\n2\n3\n4\n", b"5\n6\n7\n8\n"


@pytest.mark.parametrize(
    ("went", "came", "expected"),
    [
        ({"a": A}, {"b": A}, {"a": "b"}),
        ({"a": A}, {"b": A.replace(b"1", b"x")}, {"a": "b"}),
        ({"a": A}, {"b": B}, {}),
        ({"a": A, "b": B}, {"c": B, "d": A}, {"a": "d", "b": "c"}),
        ({"x/a": A}, {"x/b": A, "y/a": A}, {"x/a": "y/a"}),
        ({"a": A}, {"b": A.replace(b"1", b"x"), "c": A}, {"a": "c"}),
        ({"a": A, "b": A}, {"c": A}, {"a": "c"}),
        ({"a": b""}, {"b": b""}, {}),
        ({"a": b"\n"}, {"b": b"\n"}, {}),
        ({}, {"b": A}, {}),
    ],
)
def test_renames_by_similarity(went, came, expected):
    """The most similar file, with ties broken by the name; each once, and empty files never."""
    assert renames(went, came) == expected


BASE = b"one\ntwo\nthree\nfour\nfive\n"


def test_changes_in_different_places():
    """Both are kept."""
    done = merge(BASE.replace(b"one", b"ONE"), BASE, BASE.replace(b"five", b"FIVE"))
    assert (done.content, done.conflicts) == (b"ONE\ntwo\nthree\nfour\nFIVE\n", 0)


def test_changes_in_the_same_place():
    """Marked by git, with both sides; nothing is lost."""
    done = merge(BASE.replace(b"one", b"ours"), BASE, BASE.replace(b"one", b"theirs"))
    assert done.conflicts == 1
    assert done.content.startswith(b"<<<<<<< department\nours\n=======\ntheirs\n>>>>>>> template\ntwo\n")


def test_the_same_change_twice():
    """It is no conflict."""
    assert merge(b"x\n", BASE, b"x\n").conflicts == 0


def test_binary_files():
    """They are not merged."""
    with pytest.raises(WorkspaceError, match="expected files that git can merge"):
        merge(b"\0a", b"\0b", b"\0c")


def test_different_line_endings():
    """The department's line endings are kept, without conflicts."""
    ours = BASE.replace(b"one", b"ONE").replace(b"\n", b"\r\n")
    done = merge(ours, BASE, BASE.replace(b"five", b"FIVE"))
    assert (done.content, done.conflicts) == (b"ONE\r\ntwo\r\nthree\r\nfour\r\nFIVE\r\n", 0)


@pytest.mark.parametrize(
    ("before", "ours", "now", "state", "content"),
    [
        ("a", "a", "a", None, None),
        ("a", "b", "b", None, None),
        (None, None, None, None, None),
        ("a", "a", "b", FileState.BEHIND, "b"),
        ("a", "a", None, FileState.BEHIND, None),
        (None, None, "b", FileState.BEHIND, "b"),
        ("a", "b", "a", FileState.CHANGED, "b"),
        ("a", None, "a", FileState.CHANGED, None),
        ("a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nD\n", FileState.MERGES, "A\nb\nc\nD\n"),
        ("a\n", "b\n", "c\n", FileState.CONFLICT, "<<<<<<< department\nb\n=======\nc\n>>>>>>> template\n"),
        (None, "b\n", "c\n", FileState.CONFLICT, "<<<<<<< department\nb\n=======\nc\n>>>>>>> template\n"),
        ("a", None, "b", FileState.CONFLICT, None),
        ("a", "b", None, FileState.CONFLICT, "b"),
        ("\0a", "\0b", "\0c", FileState.CONFLICT, "\0b"),
        ("a", "<<<<<<< department\nb", "a", FileState.UNRESOLVED, "<<<<<<< department\nb"),
        ("a", "<<<<<<< department\nb", "c", FileState.UNRESOLVED, "<<<<<<< department\nb"),
    ],
)
def test_states_and_contents_after_an_update(tmp_path, before, ours, now, state, content):
    """No change of the department is ever lost."""
    if ours is not None:
        (tmp_path / "x").write_text(ours)
    files = [{} if one is None else {"x": one.encode()} for one in (before, now)]
    found = compare(tmp_path, *files)
    if state is None:
        assert found == []
        return
    [one] = found
    assert (one.path, one.state) == ("x", state)
    assert one.content == (None if content is None else content.encode())
    is_as_it_was = one.content is None or one.content.decode() == ours
    assert bool(one.note) == (state in {FileState.CONFLICT, FileState.UNRESOLVED} and is_as_it_was)


TEXT = "one\ntwo\nthree\nfour\nfive\n"
EDITED, NEWER = TEXT.replace("one", "ONE"), TEXT.replace("five", "FIVE")
BOTH = EDITED.replace("five", "FIVE")
MARKED = "<<<<<<< department\nONE\n=======\n1\n>>>>>>> template\ntwo\nthree\nfour\nfive\n"


@pytest.mark.parametrize(
    ("before", "ours", "now", "expected"),
    [
        # The template moved it, and the department
        ({"a": TEXT}, {"a": TEXT}, {"b": NEWER}, {"a": ("behind", None), "b": ("behind", NEWER)}),
        ({"a": TEXT}, {"a": EDITED}, {"b": TEXT}, {"a": ("merges", None), "b": ("merges", EDITED)}),
        ({"a": TEXT}, {"a": EDITED}, {"b": NEWER}, {"a": ("merges", None), "b": ("merges", BOTH)}),
        (
            {"a": TEXT}, {"a": EDITED}, {"b": TEXT.replace("one", "1")},
            {"a": ("merges", None), "b": ("conflict", MARKED)},
        ),
        ({"a": TEXT}, {"a": NEWER}, {"b": NEWER}, {"a": ("merges", None), "b": ("behind", NEWER)}),
        ({"a": TEXT}, {"b": EDITED}, {"b": NEWER}, {"b": ("merges", BOTH)}),
        ({"a": TEXT}, {"b": EDITED}, {"b": TEXT}, {"b": ("changed", EDITED)}),
        ({"a": TEXT}, {}, {"b": TEXT}, {"b": ("changed", None)}),
        ({"a": TEXT}, {}, {"b": NEWER}, {"b": ("conflict", None)}),
        (
            {"a": TEXT}, {"a": EDITED, "b": "b\n"}, {"b": TEXT},
            {"a": ("conflict", EDITED), "b": ("conflict", f"<<<<<<< department\nb\n=======\n{TEXT}>>>>>>> template\n")},
        ),
        ({"a": f"\0\n{TEXT}"}, {"a": f"\0\n{EDITED}"}, {"b": f"\0\n{NEWER}"},
         {"a": ("conflict", f"\0\n{EDITED}"), "b": ("behind", f"\0\n{NEWER}")}),
        ({"a": TEXT}, {"a": EDITED}, {"b": "else\n"}, {"a": ("conflict", EDITED), "b": ("behind", "else\n")}),
        # The department moved it, and the template
        ({"a": TEXT}, {"own/a": TEXT}, {"a": NEWER}, {"own/a": ("behind", NEWER)}),
        ({"a": TEXT}, {"own/b": EDITED}, {"a": NEWER}, {"own/b": ("merges", BOTH)}),
        ({"a": TEXT}, {"own/b": EDITED}, {"a": TEXT.replace("one", "1")}, {"own/b": ("conflict", MARKED)}),
        ({"a": TEXT}, {"own/b": "other\n"}, {"a": NEWER}, {"a": ("conflict", None)}),
        ({"a": TEXT}, {"own/b": EDITED}, {"a": TEXT}, {"a": ("changed", None)}),
        ({"a": TEXT}, {"own/b": EDITED}, {}, {}),
        ({"a": ""}, {"own/b": ""}, {"a": NEWER}, {"a": ("conflict", None)}),
        # Something that is no file is in the way
        ({}, {"a/b": "mine\n"}, {"a": TEXT}, {"a": ("conflict", None)}),
        ({}, {"a": "mine\n"}, {"a/b": TEXT}, {"a/b": ("conflict", None)}),
    ],
)  # fmt: skip
def test_renamed_files(tmp_path, before, ours, now, expected):
    """Edits of one side follow the rename of the other, with a note; otherwise the file is kept and named."""
    for path, text in ours.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    trees = [{path: text.encode() for path, text in one.items()} for one in (before, now)]
    found = compare(tmp_path, *trees, "own")
    texts = {one.path: (str(one.state), None if one.content is None else one.content.decode()) for one in found}
    assert texts == expected
    assert all(one.note for one in found if one.state == "conflict" and b"<<<" not in (one.content or b""))

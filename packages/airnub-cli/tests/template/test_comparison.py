"""Comparison: who changed a file."""

import pytest

from airnub_cli.template.comparison import State, compare


@pytest.mark.parametrize(
    ("before", "ours", "now", "state", "content"),
    [
        ("a", "a", "a", None, None),
        ("a", "b", "b", None, None),
        (None, None, None, None, None),
        ("a", "a", "b", State.BEHIND, "b"),
        ("a", "a", None, State.BEHIND, None),
        (None, None, "b", State.BEHIND, "b"),
        ("a", "b", "a", State.CHANGED, "b"),
        ("a", None, "a", State.CHANGED, None),
        ("a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nD\n", State.MERGES, "A\nb\nc\nD\n"),
        ("a\n", "b\n", "c\n", State.CONFLICT, "<<<<<<< department\nb\n=======\nc\n>>>>>>> template\n"),
        (None, "b\n", "c\n", State.CONFLICT, "<<<<<<< department\nb\n=======\nc\n>>>>>>> template\n"),
        ("a", None, "b", State.CONFLICT, None),
        ("a", "b", None, State.CONFLICT, "b"),
        ("\0a", "\0b", "\0c", State.CONFLICT, "\0b"),
    ],
)
def test_who_changed_it_and_what_an_update_leaves(tmp_path, before, ours, now, state, content):
    """Nothing that the department wrote is ever lost."""
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
    assert bool(one.note) == (state is State.CONFLICT and b"<<<" not in (one.content or b""))

"""Moves: which file went where."""

import pytest

from airnub_cli.template.renames import renames

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
def test_who_moved_where(went, came, expected):
    """The likest, of the same name where two are as like; each once, and empty files never."""
    assert renames(went, came) == expected

"""Overrides merged over a base."""

from hypothesis import given
from hypothesis import strategies as st

from airnub_cli.configuration.overlay import overlay

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_mappings_are_merged_and_all_else_is_replaced():
    """Other keys are kept; a list is replaced as a whole."""
    base = {"network": {"connections": 4, "attempts": 2}, "urls": ["a", "b"], "store": "data"}
    changes = {"network": {"attempts": 9}, "urls": ["c"]}
    assert overlay(base, changes) == {"network": {"connections": 4, "attempts": 9}, "urls": ["c"], "store": "data"}


def test_null_removes_a_key():
    """So the default applies again; a missing key is no mistake."""
    assert overlay({"a": 1, "b": {"c": 2, "d": 3}}, {"a": None, "b": {"c": None}, "e": None}) == {"b": {"d": 3}}


def test_a_mapping_replaces_a_scalar():
    """There are no keys to keep, and `null` in it removes nothing."""
    assert overlay({"store": "data"}, {"store": {"block": "s3-bucket/x", "index": None}}) == {
        "store": {"block": "s3-bucket/x"}
    }


@given(VALUES)
def test_no_changes_change_nothing(base):
    """An empty mapping leaves a mapping unchanged."""
    if isinstance(base, dict):
        assert overlay(base, {}) == base


@given(VALUES, VALUES)
def test_a_merge_is_idempotent(base, changes):
    """The second merge changes nothing."""
    once = overlay(base, changes)
    assert overlay(once, changes) == once

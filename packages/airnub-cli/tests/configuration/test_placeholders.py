"""Placeholders."""

import pytest

from airnub_cli.configuration.placeholders import filled, is_placeholder, known_values, missing

WRITTEN = {"a": ["x-${ONE}-${TWO:-two}"], "b": {"c": "$${ONE}"}, "d": 3, "e": "$ONE {{ $TWO }}"}


def test_names_are_filled():
    """At any position; defaults apply without a value, and `$${` is an escaped `${`."""
    assert filled(WRITTEN, {"ONE": "1"}) == {"a": ["x-1-two"], "b": {"c": "${ONE}"}, "d": 3, "e": "$ONE {{ $TWO }}"}


def test_an_empty_default_is_one():
    """`${NAME:-}` is an empty text."""
    assert filled("${NAME:-}", {}) == ""
    assert list(missing("${NAME:-}", {})) == []


def test_missing_values_have_their_places():
    """Every name without a value."""
    assert list(missing(WRITTEN, {})) == [(("a", 0), "ONE")]


def test_the_environment_comes_before_the_file(tmp_path, monkeypatch):
    """`.env` is read literally; an empty value does not count."""
    (tmp_path / ".env").write_text("FROM_FILE='a $b # c'\nFROM_BOTH=file\nEMPTY=\n")
    monkeypatch.setenv("FROM_BOTH", "environment")
    values = known_values(tmp_path)
    assert (values["FROM_FILE"], values["FROM_BOTH"]) == ("a $b # c", "environment")
    assert "EMPTY" not in values


@pytest.mark.parametrize(
    ("value", "expected"),
    [("${A}", True), ("x${A}", False), ("${A:-x}", False), ("$${A}", False), ("A", False), (3, False)],
)
def test_a_secret_is_a_placeholder_without_a_default(value, expected):
    """A default would be a secret in the repository."""
    assert is_placeholder(value) is expected

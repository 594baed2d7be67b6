"""Placeholders."""

import pytest

from airnub_cli.configuration.placeholders import filled, is_placeholder, known_values, missing

WRITTEN = {"a": ["x-${ONE}-${TWO:-two}"], "b": {"c": "$${ONE}"}, "d": 3, "e": "$ONE {{ $TWO }}"}


def test_names_are_filled():
    """Wherever they stand in a text; defaults hold where there is no value, and `$${` is an escaped `${`."""
    assert filled(WRITTEN, {"ONE": "1"}) == {"a": ["x-1-two"], "b": {"c": "${ONE}"}, "d": 3, "e": "$ONE {{ $TWO }}"}


def test_an_empty_default_is_one():
    """`${NAME:-}` is nothing."""
    assert filled("${NAME:-}", {}) == ""
    assert list(missing("${NAME:-}", {})) == []


def test_what_is_missing_has_its_place():
    """Every name without a value, and where it stands."""
    assert list(missing(WRITTEN, {})) == [(("a", 0), "ONE")]


def test_the_environment_comes_before_the_file(tmp_path, monkeypatch):
    """`.env` is read as it is written; an empty value is none."""
    (tmp_path / ".env").write_text("FROM_FILE='a $b # c'\nFROM_BOTH=file\nEMPTY=\n")
    monkeypatch.setenv("FROM_BOTH", "environment")
    values = known_values(tmp_path)
    assert (values["FROM_FILE"], values["FROM_BOTH"]) == ("a $b # c", "environment")
    assert "EMPTY" not in values


@pytest.mark.parametrize(
    ("value", "expected"),
    [("${A}", True), ("x${A}", False), ("${A:-x}", False), ("$${A}", False), ("A", False), (3, False)],
)
def test_a_secret_is_nothing_but_a_placeholder(value, expected):
    """A default would be a secret in the repository."""
    assert is_placeholder(value) is expected

"""Placeholders, and the variables that Prefect reads."""

import os

import pytest

from airnub_cli.configuration.dotenv import filled, is_placeholder, known_values, missing, quiet_prefect, use_dotenv

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


def test_variables_that_are_set_are_kept(monkeypatch):
    """Only missing ones are set."""
    monkeypatch.setenv("PREFECT_LOGGING_LEVEL", "DEBUG")
    monkeypatch.delenv("DO_NOT_TRACK", raising=False)
    quiet_prefect()
    assert (os.environ["DO_NOT_TRACK"], os.environ["PREFECT_LOGGING_LEVEL"]) == ("1", "DEBUG")


def test_settings_of_dotenv_are_set(monkeypatch, tmp_path):
    """Only Prefect's become environment variables; the environment has precedence."""
    (tmp_path / ".env").write_text("PREFECT_API_KEY=of-the-file\nPREFECT_CLIENT_MAX_RETRIES=3\nAIRNUB_PORT=1\n")
    monkeypatch.setenv("PREFECT_API_KEY", "of-the-environment")
    monkeypatch.delenv("AIRNUB_PORT", raising=False)
    # So that the test removes it again.
    monkeypatch.setenv("PREFECT_CLIENT_MAX_RETRIES", "")
    monkeypatch.delenv("PREFECT_CLIENT_MAX_RETRIES")
    values = use_dotenv(tmp_path)
    assert (values["PREFECT_API_KEY"], values["AIRNUB_PORT"]) == ("of-the-environment", "1")
    assert os.environ["PREFECT_CLIENT_MAX_RETRIES"] == "3"
    assert "AIRNUB_PORT" not in os.environ

"""`airnub upgrade` without a Docker engine; tests/docker has one."""

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main


@pytest.fixture
def in_checkout(tmp_path, monkeypatch):
    """A workspace, without a command docker."""
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_without_docker(in_checkout):
    """The error says what is missing; exit status 1."""
    result = CliRunner().invoke(main, ["upgrade"])
    assert result.exit_code == 1
    assert "expected the command docker, found none" in result.stderr


def test_outside_of_a_checkout(tmp_path, monkeypatch):
    """Exit status 2."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["upgrade"])
    assert result.exit_code == 2
    assert "expected" in result.stderr


def test_help_has_an_example():
    """And explains the exit status."""
    said = CliRunner().invoke(main, ["upgrade", "--help"]).output
    assert "uv run airnub upgrade --dry-run" in said
    assert "Exit status" in said

"""The command `airnub images`."""

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main


@pytest.fixture
def invoke(workspace, monkeypatch):
    """Inside the workspace, on a machine without Docker."""
    monkeypatch.chdir(workspace.root)
    return lambda *arguments: CliRunner().invoke(main, ["images", *arguments])


def test_a_wrong_name_is_a_mistake_of_the_caller(invoke):
    """One line with the names that there are, exit status 2."""
    result = invoke("nobody")
    assert result.exit_code == 2
    assert "found 'nobody'; there are department-template, project-alpha, prefect" in result.stderr


def test_pushing_needs_a_registry(invoke):
    """Local images stay where they are."""
    result = invoke("--push")
    assert result.exit_code == 2
    assert "expected --registry with --push" in result.stderr


def test_no_engine_is_a_failure(invoke, monkeypatch):
    """One line, exit status 1, nothing on stdout."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    result = invoke("--dry-run", "--json")
    assert result.exit_code == 1
    assert "expected" in result.stderr
    assert result.stdout == ""

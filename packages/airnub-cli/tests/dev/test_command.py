"""`airnub dev`: arguments in, exit status out."""

import socket

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main
from airnub_cli.dev.state import LOOPBACK


@pytest.fixture
def here(checkout, monkeypatch):
    """In a small workspace."""
    monkeypatch.chdir(checkout)
    return checkout


def test_a_port_that_is_taken_is_told_and_nothing_is_started(here):
    """Status 2, the port, and how to get another one."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(main, ["dev", "--port", port, "--state", "state"])
    assert result.exit_code == 2
    assert f"--port {port}" in result.output
    assert "it is taken" in result.output
    assert not (here / "state" / "tmp").exists()


def test_outside_of_a_workspace_it_says_so(tmp_path, monkeypatch):
    """Status 2."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["dev"])
    assert result.exit_code == 2
    assert "expected a uv workspace" in result.output


def test_help_has_an_example():
    """One that can be typed."""
    assert "uv run airnub dev --port 4300" in CliRunner().invoke(main, ["dev", "--help"]).output

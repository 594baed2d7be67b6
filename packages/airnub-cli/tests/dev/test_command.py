"""`airnub dev`: arguments and exit status."""

import socket

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main
from airnub_cli.dev.state import LOOPBACK


@pytest.fixture
def here(checkout, monkeypatch):
    """Change into a small workspace."""
    monkeypatch.chdir(checkout)
    return checkout


def test_a_taken_port_is_reported_and_nothing_is_started(here):
    """Status 2, the port, and how to get a free one."""
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(main, ["dev", "--port", port, "--state", "state"])
    assert result.exit_code == 2
    assert f"--port {port}" in result.output
    assert "it is taken" in result.output
    assert not (here / "state" / "tmp").exists()


def test_a_site_port_without_a_site_is_refused(here):
    """Status 2, with the option that serves a site."""
    result = CliRunner().invoke(main, ["dev", "--site-port", "0"])
    assert result.exit_code == 2
    assert "--site-port: expected --sample too" in result.output


def test_a_missing_department_is_reported_before_anything_is_started(here, monkeypatch):
    """All of its runs would fail; the command to run has the given options."""
    (here / "configs").mkdir()
    (here / "configs" / "departments.yaml").write_text(
        "departments:\n- {id: shop_of_today, display_name: S, owner: team-s, contacts: [a@b], status: active}\n"
    )
    monkeypatch.setattr("sys.argv", ["airnub", "dev", "--port", "0"])
    result = CliRunner().invoke(main, ["dev", "--port", "0", "--state", "state"])
    assert result.exit_code == 2
    assert "shop_of_today: expected the department to be installed" in result.output
    assert "`uv run --all-packages airnub dev --port 0`" in result.output


def test_outside_of_a_workspace_it_says_so(tmp_path, monkeypatch):
    """Status 2."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["dev"])
    assert result.exit_code == 2
    assert "expected a uv workspace" in result.output


def test_help_has_an_example():
    """It can be typed."""
    assert "uv run airnub dev --port 4300" in CliRunner().invoke(main, ["dev", "--help"]).output

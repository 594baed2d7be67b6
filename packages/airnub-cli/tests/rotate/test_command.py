"""The command `airnub rotate`."""

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """With a `docker` that answers what the database has, and writes down what it is asked."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "docker").write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\ncase "$*" in *"cat /"*password) printf old;; esac\n'
    )
    (tools / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.delenv("POSTGRES_PASSWORD", raising=False)
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_password_is_changed(checkout):
    """Exit status 0 and a line."""
    result = CliRunner().invoke(main, ["rotate", "database"])
    assert result.exit_code == 0, result.output
    assert "The role prefect has a new password, and server uses it." in result.stdout
    assert "compose restart server" in (checkout / "asked").read_text()


def test_what_is_written_already(checkout):
    """Exit status 1: `.env` has the password that the role has."""
    (checkout / ".env").write_text("POSTGRES_PASSWORD=old\n")
    result = CliRunner().invoke(main, ["rotate", "database"])
    assert result.exit_code == 1
    assert "POSTGRES_PASSWORD in .env" in result.stderr


def test_that_of_the_index(checkout):
    """What has to be done besides is printed."""
    result = CliRunner().invoke(main, ["rotate", "index"])
    assert result.exit_code == 0
    assert "docker compose up --no-deps setup" in result.stderr
    assert "restart" not in (checkout / "asked").read_text()


def test_an_unknown_name(checkout):
    """Exit status 2."""
    result = CliRunner().invoke(main, ["rotate", "nothing"])
    assert result.exit_code == 2
    assert "'database', 'index'" in result.stderr

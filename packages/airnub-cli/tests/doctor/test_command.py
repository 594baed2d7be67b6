"""`airnub doctor`: a table or JSON, and an exit status for scripts."""

import json

import click
import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main
from airnub_cli.doctor import command
from airnub_cli.doctor.machine import fine, missing, odd


def run(monkeypatch, checkout, findings, *arguments):
    """Run the command with these findings."""
    monkeypatch.chdir(checkout)
    for name in ("check_tools", "check_checkout", "check_prefect"):
        monkeypatch.setattr(command, name, lambda *_: [])
    monkeypatch.setattr(command, "check_tools", lambda: findings)
    return CliRunner().invoke(main, ["doctor", *arguments])


@pytest.mark.parametrize(
    ("findings", "status"), [([fine("uv", "0.9")], 0), ([odd("a", "b", "c")], 0), ([missing("a", "b", "c")], 1)]
)
def test_only_what_is_missing_fails(monkeypatch, checkout, findings, status):
    """An odd finding may be intentional."""
    assert run(monkeypatch, checkout, findings).exit_code == status


def test_the_table_has_the_command_to_run(monkeypatch, checkout):
    """Below each problem."""
    said = click.unstyle(run(monkeypatch, checkout, [fine("uv", "0.9"), missing("Python", "2", "install it")]).output)
    assert [line.split() for line in said.splitlines()] == [
        ["✓", "uv", "0.9"], ["✗", "Python", "2"], ["fix:", "install", "it"], ["1", "fine,", "1", "missing"]
    ]  # fmt: skip


def test_json_is_one_document(monkeypatch, checkout):
    """With every key of every finding."""
    said = json.loads(run(monkeypatch, checkout, [odd("a", "b", "c")], "--json").output)
    assert said == [{"name": "a", "level": "odd", "found": "b", "fix": "c"}]


def test_outside_of_a_workspace_it_says_so(monkeypatch, tmp_path):
    """Status 2, as of every command."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 2


def test_an_invalid_dotenv_is_a_finding(tmp_path):
    """The other checks still run."""
    (tmp_path / ".env").write_bytes(b"\xff\xfe\xff")
    assert command._values(tmp_path)

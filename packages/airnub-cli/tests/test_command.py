"""The command `airnub`."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main


def test_members_as_json(checkout, monkeypatch):
    """One document, a row a member."""
    monkeypatch.chdir(checkout)
    result = CliRunner().invoke(main, ["members", "--json"])
    assert result.exit_code == 0
    assert {row["name"]: row["depends_on"] for row in json.loads(result.stdout)} == {
        "base": [],
        "middle": ["base"],
        "top-one": ["middle"],
    }


def test_a_wrong_name_is_a_mistake_of_the_caller(checkout, monkeypatch):
    """An unknown member exits with 2 and one line, before anything is built."""
    monkeypatch.chdir(checkout)
    result = CliRunner().invoke(main, ["test", "nobody"])
    assert result.exit_code == 2
    assert "found 'nobody'" in result.stderr


def test_outside_of_a_checkout(tmp_path, monkeypatch):
    """Without a workspace there is one line and exit status 2."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["members"])
    assert result.exit_code == 2
    assert "expected a uv workspace" in result.stderr


def test_every_command_shows_an_example():
    """`--help` of each command ends with a line that can be typed."""
    for name in main.commands:
        assert f"Example: uv run airnub {name}" in CliRunner().invoke(main, [name, "--help"]).stdout


def test_help_does_without_prefect():
    """It takes seconds to import, which only those commands take that need it."""
    code = "import sys, airnub_cli.__main__; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("where", ["", "below"])
def test_a_wrong_line_of_dotenv_is_reported_once(tmp_path, monkeypatch, where):
    """Of the current folder and of the checkout, with exit status 2; `doctor` continues."""
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    (tmp_path / ".env").write_text("A=1\nnot a line\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / where)
    result = CliRunner().invoke(main, ["members"])
    assert result.exit_code == 2
    assert result.stderr.count("expected NAME=value") == 1
    assert ".env:2: " in result.stderr

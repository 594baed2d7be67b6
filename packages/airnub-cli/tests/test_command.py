"""The command `airnub`."""

import json
import subprocess
import sys

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

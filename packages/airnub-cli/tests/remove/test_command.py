"""The command `airnub remove`."""

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main


@pytest.fixture
def airnub(house, monkeypatch):
    """Run `airnub …` in the checkout."""
    monkeypatch.chdir(house.root)
    return lambda *arguments: CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        pytest.param(
            ("remove", "department", "project_alpha", "--yes"),
            "pyproject.toml has project-alpha among dependencies",
            marks=pytest.mark.example,
        ),
    ],
)
def test_a_mistake_is_reported_and_nothing_is_written(airnub, house, arguments, reason):
    """Exit status 2."""
    before = {path: path.read_bytes() for path in house.root.rglob("*") if path.is_file()}
    result = airnub(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr
    assert {path: path.read_bytes() for path in house.root.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("arguments", [("remove", "department")])
def test_every_command_shows_an_example(airnub, arguments):
    """`--help` has a command that can be typed."""
    assert f"Example: uv run airnub {' '.join(arguments)} " in airnub(*arguments, "--help").stdout


def test_without_an_answer_nothing_is_removed(airnub, house):
    """Without a terminal, the message names `--yes`."""
    before = {path: path.read_bytes() for path in house.root.rglob("*") if path.is_file()}
    folder = house.root / "departments" / "zoo"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "zoo"\nversion = "0"\n')
    result = airnub("remove", "department", "zoo", "--keep-backend")
    assert result.exit_code == 1
    assert "Remove all of this?" in result.stderr
    assert result.stderr.endswith("nothing was removed; --yes skips the question\n")
    assert before.items() <= {path: path.read_bytes() for path in house.root.rglob("*") if path.is_file()}.items()

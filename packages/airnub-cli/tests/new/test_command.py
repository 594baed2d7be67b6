"""The command `airnub new`."""

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
        (("new", "department", "class"), "a keyword or built-in of Python"),
        (("new", "department", "zoo", "--stages", "analysis"), "--stages: expected ingestion"),
        pytest.param(
            ("new", "category", "project_alpha", "analysis", "x"),
            "expected a stage with categories",
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


@pytest.mark.parametrize("arguments", [("new", "department"), ("new", "category")])
def test_every_command_shows_an_example(airnub, arguments):
    """`--help` has a command that can be typed."""
    assert f"Example: uv run airnub {' '.join(arguments)} " in airnub(*arguments, "--help").stdout

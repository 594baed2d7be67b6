"""Commands that are imported when they are asked for."""

import inspect
import json
import subprocess
import sys

import click
import pytest

from airnub_cli.__main__ import main
from airnub_cli.commands import COMMANDS

SLOW = ("asyncio", "grimp", "httpx", "polars", "prefect", "pydantic", "rich")
"""What no `--help` imports: each takes 0.05 s and more."""
HELP = """
import json, sys
from click.testing import CliRunner
from airnub_cli.__main__ import main

slow, asked = json.loads(sys.argv[1])
found = {}
for words in asked:
    answer = CliRunner().invoke(main, [*words, "--help"])
    assert answer.exit_code == 0, (words, answer.output)
    found[" ".join(words)] = [name for name in slow if name in sys.modules]
    if not words:
        found["commands"] = [one for one in sys.modules if one.startswith("airnub_cli.") and one.endswith(".command")]
print(json.dumps(found))
"""


def every(command=main, words=()):
    """The words of each command and group, the command itself first."""
    inner = command.commands if isinstance(command, click.Group) else {}
    return [words, *(one for name in sorted(inner) for one in every(inner[name], (*words, name)))]


def command_of(words):
    """The command or group of these words."""
    command = main
    for name in words:
        command = command.commands[name]
    return command


@pytest.fixture(scope="module")
def imported():
    """By command, what was imported when its help was printed, one after another in one process."""
    arguments = [sys.executable, "-c", HELP, json.dumps([SLOW, every()])]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_no_help_imports_what_is_slow(imported):
    """Each command imports at its top only what its options need."""
    commands = imported.pop("commands")
    assert imported == {" ".join(words): [] for words in every()}
    assert commands == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_is_the_one_that_is_named(name):
    """Its name and the first sentence of its help are those of the table."""
    command = main.commands[name]
    assert command.name == name
    assert inspect.cleandoc(command.help).replace("\n", " ").startswith(COMMANDS[name][1])


@pytest.mark.parametrize("words", [words for words in every() if isinstance(command_of(words), click.Group)])
def test_the_list_of_commands_is_complete(words):
    """No description is cut on a terminal of 80 columns."""
    context = click.Context(command_of(words), info_name="airnub", terminal_width=80)
    assert "..." not in command_of(words).get_help(context).partition("Commands:")[2]


@pytest.mark.parametrize("words", every())
def test_every_help_has_an_example(words):
    """It begins with what is typed, and is one line for each command."""
    for line in (command_of(words).epilog or "").removeprefix("\b\n").splitlines():
        assert line.removeprefix("Example: ").strip().startswith("uv run airnub"), line
    assert command_of(words).epilog


def test_commands_are_a_mapping():
    """Of the commands of the table and those that are added; others are a `KeyError`."""
    commands = main.commands
    assert len(commands) == len(list(commands)) == len(COMMANDS) + 1
    with pytest.raises(KeyError):
        commands["nothing"]
    commands["more"] = click.Command("more", help="More.")
    assert commands.stub("more").help == "More."
    del commands["more"]
    assert "more" not in commands

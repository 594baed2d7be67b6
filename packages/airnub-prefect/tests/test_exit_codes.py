"""Exit codes of all commands."""

import click
from department_for_tests.department import DEPARTMENT

from airnub_prefect.command.main import group
from airnub_prefect.exit_codes import DEPARTMENT_FAILURES, FAILURE, INTERRUPTED, MEANINGS, REJECTED, SUCCESS


def test_each_exit_code_has_a_meaning():
    """The numbers are part of the public interface: scripts compare them."""
    assert list(MEANINGS) == [SUCCESS, FAILURE, REJECTED, INTERRUPTED] == [0, 1, 2, 130]


def test_failures_are_those_of_existing_commands():
    """Each row names commands of a department."""
    root = group(DEPARTMENT)
    for row in DEPARTMENT_FAILURES.keys() - {"every command"}:
        *path, rest = row.split(" ", 1) if not row.startswith("demo") else [row]
        commands = root
        for name in path:
            commands = commands.commands[name]
            assert isinstance(commands, click.Group)
        assert set(rest.split(", ")) <= commands.commands.keys()

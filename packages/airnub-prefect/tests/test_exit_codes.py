"""Exit codes, and the error behind each."""

import click
import pytest
from department_for_tests.department import DEPARTMENT

from airnub_core import StoreError
from airnub_prefect.command.main import group
from airnub_prefect.errors import ArgumentError, ConfigurationError, Diagnostic, ServerUnreachableError
from airnub_prefect.exit_codes import COMPLETED, FAILED, FAILURES, INTERRUPTED, INVALID, MEANINGS, exit_with


def ended(capsys, work):
    """The exit status and stderr of a piece of work."""
    with pytest.raises(SystemExit) as status:
        exit_with(work)
    return status.value.code, capsys.readouterr().err


def raising(error):
    """Work that raises."""

    def work():
        raise error

    return work


def test_exit_statuses(capsys):
    """0 and 1 come from the command; 2 is a configuration error, 130 Ctrl-C."""
    assert ended(capsys, lambda: 0) == (0, "")
    assert ended(capsys, lambda: 1) == (1, "")
    assert ended(capsys, raising(KeyboardInterrupt())) == (
        130,
        "Interrupted. Stored items are safe; run it again for the rest.\n",
    )
    assert ended(capsys, raising(ConfigurationError.of("a.yaml", "broken"))) == (
        2,
        "a.yaml: broken\n1 mistake in the configuration; nothing was run.\n",
    )
    assert ended(capsys, raising(ArgumentError.of("NAME", "unknown"))) == (2, "NAME: unknown\n")
    two = ConfigurationError([Diagnostic("a.yaml", line, "broken") for line in (1, 2)])
    assert ended(capsys, raising(two))[1].endswith("2 mistakes in the configuration; nothing was run.\n")
    status, message = ended(capsys, raising(ServerUnreachableError("http://a/api", "refused")))
    assert (status, message.count("\n")) == (1, 1)
    assert ended(capsys, raising(StoreError("/store", "No space left on device")))[0] == 1


def test_an_unexpected_error_has_its_traceback():
    """Any other exception is raised."""
    with pytest.raises(ZeroDivisionError):
        exit_with(lambda: 1 // 0)


def test_codes_that_callers_rely_on():
    """Scripts, schedulers and shells know these numbers."""
    assert (COMPLETED, FAILED, INVALID, INTERRUPTED) == (0, 1, 2, 130) == tuple(MEANINGS)


def test_failures_are_those_of_existing_commands():
    """Each row of the table names commands of a department."""
    root = group(DEPARTMENT)
    for row in FAILURES.keys() - {"every command"}:
        *path, rest = row.split(" ", 1) if not row.startswith("demo") else [row]
        commands = root
        for name in path:
            commands = commands.commands[name]
            assert isinstance(commands, click.Group)
        assert set(rest.split(", ")) <= commands.commands.keys()

"""The commands of `airnub` by name, imported on first use, so that `airnub --help` imports none; `CommandError`."""

from collections.abc import Iterator, MutableMapping
from importlib import import_module

import click

from airnub_prefect.exit_codes import INVALID


class CommandError(click.ClickException):
    """A command cannot do what was asked, and nothing was done."""

    exit_code = INVALID


COMMANDS = {
    "adopt": (
        "airnub_cli.adopt.command:adopt",
        "Replace organisation, licence and code owners by your own.",
        "",
    ),
    "affected": (
        "airnub_cli.affected.command:affected_command",
        "List what a change affects, with the reasons.",
        "",
    ),
    "apply": (
        "airnub_cli.apply.command:apply",
        "Apply the configuration of this repository to the server.",
        "the server does not answer, or rejects the credentials or an object",
    ),
    "backup": (
        "airnub_cli.backup.command:backup",
        "Back up databases, stores, datasets and indexes.",
        "a part of the system, a program such as Docker, or the backup's folder or bucket failed",
    ),
    "check": (
        "airnub_cli.check.command:check",
        "Check the whole workspace, and report all mistakes at once.",
        "the workspace has mistakes",
    ),
    "compile": (
        "airnub_cli.compile.command:compile_",
        "Merge the departments' prefect.yaml files into one.",
        "with `--check`: a file is stale",
    ),
    "contract": (
        "airnub_cli.contract.command:contract",
        "Export the contracts of published datasets and events.",
        "",
    ),
    "dev": (
        "airnub_cli.dev.command:dev",
        "Run the whole system on this machine, without Docker.",
        "a service other than a worker died, or the database did not start",
    ),
    "doctor": (
        "airnub_cli.doctor.command:doctor",
        "Check the setup of this machine.",
        "something is missing that a first run needs",
    ),
    "images": (
        "airnub_cli.images.command:images",
        "Build the images that are missing or out of date.",
        "an image cannot be built, inspected or pushed",
    ),
    "kubernetes": (
        "airnub_cli.kubernetes:kubernetes",
        "Print the Kubernetes manifests of an environment.",
        "",
    ),
    "new": (
        "airnub_cli.new.command:new",
        "Create a department, or a category of one, from the template.",
        "",
    ),
    "remove": (
        "airnub_cli.remove.command:remove",
        "Remove a department from the repository and the server.",
        "not confirmed, or the server does not answer; no file was removed",
    ),
    "restore": (
        "airnub_cli.backup.command:restore",
        "Restore a backup into an empty system, and verify it.",
        "as for `backup`; or restored data is damaged",
    ),
    "retention": (
        "airnub_cli.retention:retention",
        "Count the runs that the Prefect server will remove next.",
        "the server does not answer",
    ),
    "rotate": (
        "airnub_cli.rotate:rotate",
        "Change a database password in the system of Docker Compose.",
        "a step failed; run the command again",
    ),
    "sbom": (
        "airnub_cli.sbom:sbom",
        "Print a software bill of materials (SBOM) for each image.",
        "",
    ),
    "test": (
        "airnub_cli.test:test",
        "Test members of the workspace, each in isolation.",
        "tests failed, or a member cannot be installed",
    ),
    "template": (
        "airnub_cli.template.command:template",
        "Compare departments with the template, and merge changes.",
        "`status --check`: a department lacks changes of the template; `update`: manual work remains",
    ),
    "upgrade": (
        "airnub_cli.upgrade.command:upgrade",
        "Upgrade the system of Docker Compose while runs continue.",
        "a step failed; run the command again",
    ),
}
"""By name: where it is, as `module:name`; the first sentence of its help; and when it fails, with exit code 1."""


class LazyCommands(MutableMapping[str, click.Command]):
    """Commands of a group by name; the value of one of `COMMANDS` is imported when it is read."""

    def __init__(self) -> None:
        self._known: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._known and name in COMMANDS:
            module, _, attribute = COMMANDS[name][0].partition(":")
            self._known[name] = getattr(import_module(module), attribute)
        return self._known[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._known[name] = command

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter({*COMMANDS, *self._known})

    def __len__(self) -> int:
        return len({*COMMANDS, *self._known})

    def stub(self, name: str) -> click.Command:
        """The command, or one that has its name and first sentence alone where it is not imported yet."""
        return self._known.get(name) or click.Command(name, help=COMMANDS[name][1])


class LazyGroup(click.Group):
    """A group of `LazyCommands`, whose own help imports none of them."""

    commands: LazyCommands

    def __init__(self, name: str | None = None, **options: object) -> None:
        super().__init__(name, commands=LazyCommands(), **options)  # type: ignore[arg-type]  # click's own options

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands."""
        limit = formatter.width - 6 - max(map(len, self.commands))
        rows = [(name, self.commands.stub(name).get_short_help_str(limit)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

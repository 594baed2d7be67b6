"""The commands of `airnub` by name, each imported when it is asked for: `airnub --help` imports none of them."""

from collections.abc import Iterator, MutableMapping
from importlib import import_module

import click

COMMANDS = {
    "adopt": (
        "airnub_cli.adopt.command:adopt",
        "Make this repository an organisation's own: organisation, licence and owners wherever they stand.",
    ),
    "affected": (
        "airnub_cli.affected.command:affected_command",
        "Say which departments, packages, images and tests of the workspace a change touches, in what, and why.",
    ),
    "apply": (
        "airnub_cli.apply.command:apply",
        "Bring the Prefect backend (PREFECT_API_URL) to what the repository says.",
    ),
    "backup": (
        "airnub_cli.backup.command:backup",
        "Back up databases, stores, datasets and indexes to TO: a folder, or a bucket such as s3://bucket/prefix.",
    ),
    "check": (
        "airnub_cli.check.command:check",
        "Check everything that must be true of the workspace, and tell every mistake at once, with file and line.",
    ),
    "compile": (
        "airnub_cli.compile.command:compile_",
        "Make one prefect.yaml of those of all active departments; check every deployment before anything is written.",
    ),
    "contract": (
        "airnub_cli.contract.command:contract",
        "Look at what departments publish: contracts of datasets and events.",
    ),
    "dev": (
        "airnub_cli.dev.command:dev",
        "Run the whole system here, without Docker: server and UI, and a worker per department.",
    ),
    "doctor": (
        "airnub_cli.doctor.command:doctor",
        "Say what is missing or odd on this machine, each with the command that mends it.",
    ),
    "images": (
        "airnub_cli.images.command:images",
        "Build each IMAGE (a department, or `prefect`; default: all of these) whose content does not exist yet.",
    ),
    "kubernetes": (
        "airnub_cli.kubernetes:kubernetes",
        "Print the manifests of infra/kubernetes/ for an environment, with a worker for each active department.",
    ),
    "new": (
        "airnub_cli.new.command:new",
        "Make a department, or a category of one, from the living template.",
    ),
    "remove": (
        "airnub_cli.remove.command:remove",
        "Remove a department, here and on the backend.",
    ),
    "restore": (
        "airnub_cli.backup.command:restore",
        "Restore a backup from FROM into an empty system, and verify its stores and datasets.",
    ),
    "retention": (
        "airnub_cli.retention.command:retention",
        "Count the runs that the vacuum of the Prefect server (PREFECT_API_URL) removes next.",
    ),
    "rotate": (
        "airnub_cli.rotate:rotate",
        "Change the password of NAME, database or index, on a machine with Docker Compose.",
    ),
    "sbom": (
        "airnub_cli.sbom:sbom",
        "Tell what each IMAGE (default: all) holds of others: a bill of materials from the lock, CycloneDX 1.5.",
    ),
    "test": (
        "airnub_cli.test:test",
        "Install the wheel of each MEMBER (default: all) alone, with only what it declares, and run its tests there.",
    ),
    "template": (
        "airnub_cli.template.command:template",
        "Say how far departments are from the living template they were made from, and bring them there.",
    ),
    "upgrade": (
        "airnub_cli.upgrade.command:upgrade",
        "Bring the system of docker-compose.yml to what the checkout and .env say, while runs go on.",
    ),
}
"""By name: where it is, as `module:name`, and the first sentence of its help."""


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

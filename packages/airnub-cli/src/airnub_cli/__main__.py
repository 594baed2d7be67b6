"""Entry point of the command `airnub`; the work is in the packages beside this module."""

import json
import sys
from contextlib import suppress
from pathlib import Path

import click

from airnub_cli.commands import CommandError, LazyGroup
from airnub_cli.transaction import recover
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.dotenv_file import require_readable
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.exit_codes import INVALID


@click.group(
    cls=LazyGroup,
    help="Manage the workspace: all packages and departments of this checkout.",
    epilog="Example: uv run airnub check",
)
@click.pass_context
def main(context: click.Context) -> None:
    # `doctor` reports an unreadable `.env` as a finding.
    if context.invoked_subcommand != "doctor" and "--help" not in sys.argv:
        _require_readable_dotenv()
    for line in recover(Path.cwd()):
        click.secho(line, fg="yellow", err=True)


def _require_readable_dotenv() -> None:
    folders = [Path()]
    with suppress(WorkspaceError):  # which the command itself reports
        folders.append(Workspace.root_around(Path.cwd()))
    try:
        require_readable(folders)
    except ConfigurationError as error:
        count = len(error.mistakes)
        click.secho(f"{error}\n{count} mistake{'s' * (count > 1)}; nothing was done.", fg="red", err=True)
        sys.exit(INVALID)


@main.command("members", epilog="Example: uv run airnub members --json")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")
def members(as_json: bool) -> None:
    """List the members of the workspace and their dependencies."""
    workspace = _workspace()
    rows = [
        {
            "name": member.name,
            "kind": member.kind,
            "folder": member.folder.relative_to(workspace.root).as_posix(),
            "depends_on": sorted(member.depends_on),
        }
        for member in workspace.members.values()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['kind']:<11} {row['name']:<20} {', '.join(row['depends_on']) or '-'}")


def _workspace() -> Workspace:
    try:
        return Workspace.around(Path.cwd())
    except WorkspaceError as error:
        raise CommandError(str(error)) from error


if __name__ == "__main__":
    main()

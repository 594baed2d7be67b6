"""The command `airnub`: arguments in, exit status out. The work is in the modules beside this one."""

import json
import sys
from contextlib import suppress
from pathlib import Path

import click

from airnub_cli.lazy_commands import LazyGroup
from airnub_cli.transaction import recover
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.dotenv_file import require_readable
from airnub_prefect.errors import ConfigurationError


@click.group(cls=LazyGroup, help="Look after the workspace: all packages and departments of this checkout.")
@click.pass_context
def main(context: click.Context) -> None:
    # `doctor` says it as a finding among others.
    if context.invoked_subcommand != "doctor" and "--help" not in sys.argv:
        _require_readable_dotenv()
    for line in recover(Path.cwd()):
        click.secho(line, fg="yellow", err=True)


def _require_readable_dotenv() -> None:
    folders = [Path()]
    with suppress(WorkspaceError):  # which the command says itself
        folders.append(Workspace.root_around(Path.cwd()))
    try:
        require_readable(folders)
    except ConfigurationError as error:
        count = len(error.mistakes)
        click.secho(f"{error}\n{count} mistake{'s' * (count > 1)}; nothing was done.", fg="red", err=True)
        sys.exit(2)


@main.command("members", epilog="Example: uv run airnub members --json")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def members(as_json: bool) -> None:
    """List the members of the workspace, and what each stands on."""
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


@main.command("test", epilog="Example: uv run airnub test project-alpha --pytest=-x")
@click.argument("names", nargs=-1, metavar="[MEMBER]...")
@click.option("--pytest", "arguments", multiple=True, metavar="ARGUMENT", help="For pytest; may be given again.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Members to test at once.")
def test(names: tuple[str, ...], arguments: tuple[str, ...], jobs: int) -> None:
    """Install the wheel of each MEMBER (default: all) alone, with only what it declares, and run its tests there."""
    from airnub_cli.test import run_alone, run_each_alone

    workspace = _workspace()
    try:
        chosen = [workspace.named(name) for name in names] or list(workspace.members.values())
    except WorkspaceError as error:
        raise _CommandError(str(error)) from error
    failed = []
    if jobs == 1:
        for member in chosen:
            click.secho(f"{member.name}, alone", bold=True, err=True)
            if run_alone(workspace, member, arguments) != 0:
                failed.append(member.name)
    else:
        for member, status, said in run_each_alone(workspace, chosen, arguments, jobs):
            click.secho(f"{member.name}, alone", bold=True, err=True)
            click.echo(said, nl=False)
            if status != 0:
                failed.append(member.name)
    if failed:
        click.secho(f"failed alone: {', '.join(failed)}", fg="red", err=True)
    sys.exit(1 if failed else 0)


def _workspace() -> Workspace:
    try:
        return Workspace.around(Path.cwd())
    except WorkspaceError as error:
        raise _CommandError(str(error)) from error


class _CommandError(click.ClickException):
    exit_code = 2


if __name__ == "__main__":
    main()

"""The command `airnub`: arguments in, exit status out. The work is in the modules beside this one."""

import json
import sys
from contextlib import suppress
from pathlib import Path

import click

from airnub_cli import kubernetes, rotate, sbom
from airnub_cli.affected import command as affected
from airnub_cli.apply import command as backend
from airnub_cli.backup import command as backup
from airnub_cli.check import command as check
from airnub_cli.compile import command as deployments
from airnub_cli.contract import command as contract
from airnub_cli.dev import command as dev
from airnub_cli.doctor import command as doctor
from airnub_cli.images import command as images
from airnub_cli.new import command as departments
from airnub_cli.retention import command as retention
from airnub_cli.template import command as template
from airnub_cli.test import run_alone, run_each_alone
from airnub_cli.transaction import recover
from airnub_cli.upgrade import command as upgrade
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.dotenv_file import require_readable
from airnub_prefect.errors import ConfigurationError


@click.group(help="Look after the workspace: all packages and departments of this checkout.")
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


affected.add_to(main)
backend.add_to(main)
backup.add_to(main)
departments.add_to(main)
check.add_to(main)
contract.add_to(main)
deployments.add_to(main)
dev.add_to(main)
doctor.add_to(main)
images.add_to(main)
retention.add_to(main)
rotate.add_to(main)
sbom.add_to(main)
template.add_to(main)
kubernetes.add_to(main)
upgrade.add_to(main)


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

"""The command `airnub check`: arguments in, mistakes out. The work is in the modules beside this one."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import get_args

import click

from airnub_cli.check.report import Format, report
from airnub_cli.installed import advice
from airnub_cli.memory import NOTHING, Memory
from airnub_cli.quiet import quiet_prefect
from airnub_cli.workspace import Workspace, WorkspaceError


def add_to(group: click.Group) -> None:
    """Register the command."""
    group.add_command(check)


@click.command("check", epilog="Example: uv run airnub check --format github")
@click.option("--format", "form", type=click.Choice(get_args(Format)), default="text", show_default=True)
@click.option("--no-cache", is_flag=True, help="Look at everything, be it known to be right or not.")
def check(form: Format, no_cache: bool) -> None:
    """Check everything that must be true of the workspace, and tell every mistake at once, with file and line.

    Names and required files of members, where they must be named besides, import contracts, what is imported and not
    declared, flows that nobody deployed, settings that are not strict, deployments and their parameters, the root's
    prefect.yaml, pools, Variables, blocks and automations of every environment, contracts and who reads them, and the
    lock. Nothing is changed and no server is asked. What departments depend on must be installed. The exit status is 1
    when there are mistakes.
    """
    quiet_prefect()
    from airnub_cli.check.everything import check_everything

    try:
        root = Workspace.root_around(Path.cwd())
    except WorkspaceError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(2)
    os.chdir(root)  # paths are told from here, as GitHub and editors want them
    # What modules print when they are imported is no part of the answer.
    with redirect_stdout(sys.stderr):
        mistakes = check_everything(root, NOTHING if no_cache else Memory.of_user())
    if mistakes or form == "json":
        click.echo(report(mistakes, form))
    # A project file that cannot be read is among the mistakes.
    with suppress(WorkspaceError):
        if hint := advice(Workspace.around(root), mistakes):
            click.secho(hint, fg="yellow", err=True)
    count = len(mistakes)
    said = f"{count} mistake{'s' * (count != 1)}" if mistakes else "everything is as it should be"
    click.secho(said, fg="red" if mistakes else "green", err=True)
    sys.exit(1 if mistakes else 0)

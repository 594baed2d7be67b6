"""The command `airnub check`: arguments in, mistakes and warnings out. The work is in the modules beside this one."""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import get_args

import click

from airnub_cli.cache import NO_CACHE, Cache
from airnub_cli.check.report import Format, mistakes_in, report
from airnub_cli.installed import advice
from airnub_cli.prefect_env import quiet_prefect
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
    when there are mistakes. Warnings, such as a department that describes itself in the template's words, do not change
    it.
    """
    quiet_prefect()
    from airnub_cli.check.runner import check_everything

    try:
        root = Workspace.root_around(Path.cwd())
    except WorkspaceError as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(2)
    os.chdir(root)  # paths are told from here, as GitHub and editors want them
    # What modules print when they are imported is no part of the answer.
    with redirect_stdout(sys.stderr):
        found = check_everything(root, NO_CACHE if no_cache else Cache.of_user())
    if found or form == "json":
        click.echo(report(found, form))
    # A project file that cannot be read is among the mistakes.
    with suppress(WorkspaceError):
        if hint := advice(Workspace.around(root), found):
            click.secho(hint, fg="yellow", err=True)
    mistakes = len(mistakes_in(found))
    warnings = len(found) - mistakes
    said = [
        f"{count} {name}{'s' * (count != 1)}" for name, count in (("mistake", mistakes), ("warning", warnings)) if count
    ]
    colour = "red" if mistakes else "yellow" if warnings else "green"
    click.secho(", ".join(said) or "everything is as it should be", fg=colour, err=True)
    sys.exit(1 if mistakes else 0)

"""The command `airnub apply`; the work is in the modules beside this one."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from airnub_cli.configuration import LOCAL
from airnub_cli.configuration.dotenv import quiet_prefect, use_dotenv
from airnub_cli.workspace import Workspace, WorkspaceError, advice
from airnub_common import write_atomic
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.exit_codes import COMPLETED, FAILED, INVALID

if TYPE_CHECKING:
    # These import Prefect, which is slow; `--help` does not need it.
    from airnub_cli.apply.desired_state import DesiredState
    from airnub_cli.configuration import PoolType
    from airnub_cli.prefect_api import Change

ENVIRONMENT_VARIABLE = "AIRNUB_ENV"
"""The environment variable, or variable of `.env`, that names the environment if `--env` is not given."""
_COLOURS = {"created": "green", "updated": "cyan", "unchanged": "dim"}


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """The options of the command."""

    environment: str | None
    default: str
    switch: bool
    pool_type: PoolType | None
    environment_file: Path | None
    """The file that receives the name of the environment."""


class RefusedError(Exception):
    """The server has a different environment."""


class FileError(Exception):
    """The file for the name of the environment cannot be written."""


@click.command("apply", epilog="Example: uv run airnub apply --env sample")
@click.option(
    "--env",
    "environment",
    metavar="NAME",
    help="Environment of configs/environments/ to apply; `sample` replaces sources by the sample sites. Default: "
    "AIRNUB_ENV, else the server's present environment.",
)
@click.option(
    "--default",
    default=LOCAL,
    show_default=True,
    metavar="NAME",
    help="Environment to apply to a server that has none yet.",
)
@click.option("--switch", is_flag=True, help="Allow the server to change to a different environment.")
@click.option(
    "--pools",
    "pool_type",
    type=click.Choice(["docker", "process", "kubernetes"]),
    help="Type of all work pools, such as process on a laptop. Default: as the environment sets it.",
)
@click.option(
    "--environment-file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write the name of the applied environment to, for scripts.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")
def apply(
    environment: str | None,
    default: str,
    switch: bool,
    pool_type: PoolType | None,
    environment_file: Path | None,
    as_json: bool,
) -> None:
    """Apply the configuration of this repository to the server.

    The server is that of PREFECT_API_URL. Work pools and queues, Variables, blocks and automations are compared with
    those of the server, and only differences are sent. What operators set on the server is kept: pauses, concurrency
    limits, and whether an automation is enabled. Nothing is deleted.

    The server remembers its environment. A different one is rejected, unless the server has `sample` or --switch is
    given.
    """
    quiet_prefect()
    sys.exit(_run(ApplyOptions(environment, default, switch, pool_type, environment_file), as_json=as_json))


def _run(asked: ApplyOptions, *, as_json: bool) -> int:
    try:
        workspace = Workspace.around(Path.cwd())
        root = workspace.root
    except WorkspaceError as error:
        click.secho(str(error), fg="red", err=True)
        return INVALID
    values = use_dotenv(root)
    asked = replace(asked, environment=asked.environment or values.get(ENVIRONMENT_VARIABLE))
    from airnub_cli.prefect_api import BackendError

    try:
        with redirect_stdout(sys.stderr):  # of what departments print at import; stdout is for `--json`
            server, wanted, changes = _apply(root, asked)
    except RefusedError as error:
        click.secho(str(error), fg="red", err=True)
        return INVALID
    except ConfigurationError as error:
        click.secho(str(error), fg="red", err=True)
        if said := advice(workspace, error.mistakes):
            click.secho(said, fg="yellow", err=True)
        count = len(error.mistakes)
        click.secho(f"{count} mistake{'s' * (count > 1)}; nothing was sent.", fg="red", err=True)
        return INVALID
    except (BackendError, FileError) as error:
        click.secho(str(error), fg="red", err=True)
        return FAILED
    if as_json:
        click.echo(json.dumps(_document(wanted, server, changes), indent=2))
    else:
        _print(wanted, server, changes)
    return COMPLETED


def _apply(root: Path, asked: ApplyOptions) -> tuple[str, DesiredState, list[Change]]:
    from airnub_cli.apply.desired_state import (
        check_known,
        compare,
        compare_mark,
        decide,
        environment_of,
        read_desired_state,
    )
    from airnub_cli.configuration.environment import environments
    from airnub_cli.prefect_api import prefect_server

    # If the environment is given, mistakes in files are reported without asking a server.
    wanted = read_desired_state(root, asked.environment, pool_type=asked.pool_type) if asked.environment else None
    with prefect_server() as server:
        decision = decide(environment_of(server), asked.environment, default=asked.default, switch=asked.switch)
        if decision.action == "refuse":
            raise RefusedError(str(decision))
        check_known(decision, environments(root))
        click.echo(str(decision), err=True)
        wanted = wanted or read_desired_state(root, decision.environment, pool_type=asked.pool_type)
        changes = [compare_mark(server, decision.environment), *compare(server, wanted)]
        _send(changes)
        if asked.environment_file:
            _write(asked.environment_file, decision.environment)
        return server.url, wanted, changes


def _send(changes: list[Change]) -> None:
    """Send the changes; Ctrl-C prints how many were sent."""
    from airnub_cli.apply.desired_state import send
    from airnub_cli.prefect_api import Action

    sent: list[Change] = []
    try:
        send(changes, sent.append)
    except KeyboardInterrupt:
        due = sum(change.action is not Action.UNCHANGED for change in changes)
        click.echo(f"interrupted: {len(sent)} of {due} changes were sent; the next run sends the rest", err=True)
        raise


def _write(path: Path, environment: str) -> None:
    """Write the name of the environment.

    Raises:
        FileError: the file cannot be written.
    """
    try:
        write_atomic(path, f"{environment}\n")
    except OSError as error:
        reason = error.strerror or error
        raise FileError(
            f"--environment-file {path}: expected a file that can be written, found: {reason}; "
            f"the environment {environment} is applied, so correct the path, and run this again"
        ) from error


def _document(wanted: DesiredState, server: str, changes: list[Change]) -> dict[str, Any]:
    from airnub_cli.apply.desired_state import counts

    return {
        "environment": wanted.environment,
        "server": server,
        "replaced_sources": wanted.replaced_sources,
        "counts": counts(changes),
        "changes": [change.as_json() for change in changes],
    }


def _print(wanted: DesiredState, server: str, changes: list[Change]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from airnub_cli.apply.desired_state import counts
    from airnub_cli.configuration.environment import said_of_sources

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 10_000  # each row is one line, for `grep`
    table = Table(box=SIMPLE)
    for name in ("kind", "name", "", "differences", "kept as set by operators"):
        table.add_column(name, overflow="fold")
    for change in changes:
        cells = (change.kind, change.name, change.action.value, ", ".join(change.different), ", ".join(change.kept))
        style = _COLOURS[change.action.value]
        table.add_row(*(Text(cell, style=style if index == 2 else "") for index, cell in enumerate(cells)))
    console.print(table)
    counted = counts(changes)
    sent = counted["created"] + counted["updated"]
    said = (
        ", ".join(f"{count} {action}" for action, count in counted.items() if count) or "the repository has no objects"
    )
    end = "" if sent else "; nothing was sent"
    console.print(Text(f"{wanted.environment} on {server}: {said}{end}."), soft_wrap=True)
    console.print(Text(said_of_sources(wanted.environment, wanted.replaced_sources)), soft_wrap=True)

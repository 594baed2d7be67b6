"""The command `airnub apply`: arguments in, a table out. The work is in the modules beside this one."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from airnub_cli.backend.placeholders import known_values
from airnub_cli.installed import advice
from airnub_cli.quiet import quiet_prefect
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.errors import ConfigurationError

if TYPE_CHECKING:
    # What imports Prefect is imported when it is needed: other commands and `--help` are to be quick.
    from airnub_cli.backend.applying import Wanted
    from airnub_cli.backend.change import Change
    from airnub_cli.configuration.environment import PoolType

_COLOURS = {"created": "green", "updated": "cyan", "unchanged": "dim"}


def add_to(group: click.Group) -> None:
    """Add the command to a group."""
    group.add_command(apply)


@click.command("apply", epilog="Example: uv run airnub apply --env sample")
@click.option(
    "--env",
    "environment",
    default="local",
    show_default=True,
    metavar="NAME",
    help="Environment of configs/environments/; sample replaces sources by the sample sites.",
)
@click.option(
    "--pools",
    "pool_type",
    type=click.Choice(["docker", "process", "kubernetes"]),
    help="Make all pools of this type, such as process on a laptop. Default: what the environment says.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def apply(environment: str, pool_type: PoolType | None, as_json: bool) -> None:
    """Bring the Prefect backend (PREFECT_API_URL) to what the repository says.

    Work pools and queues, Variables, blocks and automations are read, compared, and only what differs is sent. What
    operators set is kept: pauses, concurrency limits, and whether an automation is enabled. Nothing is deleted.
    """
    quiet_prefect()
    sys.exit(_run(environment, pool_type, as_json=as_json))


def _run(environment: str, pool_type: PoolType | None, *, as_json: bool) -> int:
    try:
        workspace = Workspace.around(Path.cwd())
        root = workspace.root
    except WorkspaceError as error:
        click.secho(str(error), fg="red", err=True)
        return 2
    # Prefect reads `.env` in the current folder only, and only when it is imported.
    for name, value in known_values(root).items():
        if name.startswith("PREFECT_"):
            os.environ.setdefault(name, value)
    from airnub_cli.backend.server import BackendError

    try:
        server, wanted, changes = _apply(root, environment, pool_type)
    except ConfigurationError as error:
        click.secho(str(error), fg="red", err=True)
        if said := advice(workspace, error.mistakes):
            click.secho(said, fg="yellow", err=True)
        count = len(error.mistakes)
        click.secho(f"{count} mistake{'s' * (count > 1)}; nothing was sent.", fg="red", err=True)
        return 2
    except BackendError as error:
        click.secho(str(error), fg="red", err=True)
        return 1
    if as_json:
        click.echo(json.dumps(_document(wanted, server, changes), indent=2))
    else:
        _print(wanted, server, changes)
    return 0


def _apply(root: Path, environment: str, pool_type: PoolType | None) -> tuple[str, Wanted, list[Change]]:
    from airnub_cli.backend.applying import compare, read_wanted, send
    from airnub_cli.backend.server import prefect_server

    wanted = read_wanted(root, environment, pool_type=pool_type)
    with prefect_server() as server:
        changes = compare(server, wanted)
        send(changes)
        return server.url, wanted, changes


def _document(wanted: Wanted, server: str, changes: list[Change]) -> dict[str, Any]:
    from airnub_cli.backend.applying import counts

    return {
        "environment": wanted.environment,
        "server": server,
        "replaced_sources": wanted.replaced_sources,
        "counts": counts(changes),
        "changes": [change.as_json() for change in changes],
    }


def _print(wanted: Wanted, server: str, changes: list[Change]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from airnub_cli.backend.applying import counts
    from airnub_cli.configuration.environment import said_of_sources

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 10_000  # each row is one line, for `grep`
    table = Table(box=SIMPLE)
    for name in ("kind", "name", "", "what differed", "kept, as operators set it"):
        table.add_column(name, overflow="fold")
    for change in changes:
        cells = (change.kind, change.name, change.action.value, ", ".join(change.different), ", ".join(change.kept))
        style = _COLOURS[change.action.value]
        table.add_row(*(Text(cell, style=style if index == 2 else "") for index, cell in enumerate(cells)))
    console.print(table)
    counted = counts(changes)
    sent = counted["created"] + counted["updated"]
    said = (
        ", ".join(f"{count} {action}" for action, count in counted.items() if count)
        or "the repository asks for nothing"
    )
    end = "" if sent else "; nothing was sent"
    console.print(Text(f"{wanted.environment} on {server}: {said}{end}."), soft_wrap=True)
    console.print(Text(said_of_sources(wanted.environment, wanted.replaced_sources)), soft_wrap=True)

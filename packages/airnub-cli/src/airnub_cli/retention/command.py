"""The command `airnub retention`; the work is in the module beside this one."""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import click

from airnub_cli.configuration.placeholders import known_values
from airnub_cli.prefect_env import quiet_prefect
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.errors import ConfigurationError


@click.command("retention", epilog="Example: uv run airnub retention --days 30")
@click.option(
    "--days", type=click.FloatRange(min=1), help="Retention to count for, in days. Default: the server's setting."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")
def retention(days: float | None, as_json: bool) -> None:
    """Count the runs that the next vacuum of the Prefect server (PREFECT_API_URL) will remove. Nothing is removed.

    The server vacuums every hour by itself, and removes task runs, logs and artifacts with the runs.
    """
    quiet_prefect()
    sys.exit(_run(days, as_json=as_json))


def _run(days: float | None, *, as_json: bool) -> int:
    try:
        root = Workspace.root_around(Path.cwd())
        # Prefect reads `.env` in the current folder only, and only when it is imported.
        for name, value in known_values(root).items():
            if name.startswith("PREFECT_"):
                os.environ.setdefault(name, value)
    except (WorkspaceError, ConfigurationError) as error:
        click.secho(str(error), fg="red", err=True)
        return 2
    from airnub_cli.prefect_api import BackendError, prefect_server
    from airnub_cli.retention.expired import count_expired, read_policy

    try:
        with prefect_server() as server:
            policy = read_policy(server)
            kept = policy.retention if days is None else timedelta(days=days)
            expired = count_expired(server, kept)
            url = server.url
    except BackendError as error:
        click.secho(str(error), fg="red", err=True)
        return 1
    kept_days = kept / timedelta(days=1)
    if as_json:
        document = {"server": url, "enabled": policy.enabled, "retention_days": kept_days, **expired.as_json()}
        click.echo(json.dumps(document, indent=2))
        return 0
    click.echo(f"{url}: runs that ended before {expired.before:%Y-%m-%d %H:%M} UTC ({kept_days:g} days ago)")
    for what, count in (
        ("flow runs", expired.flow_runs), ("task runs", expired.task_runs), ("artifacts", expired.artifacts),
    ):  # fmt: skip
        click.echo(f"  {what:<10} {count:>10,}")
    if policy.enabled:
        click.echo(
            f"The server removes runs, with their logs, {policy.retention / timedelta(days=1):g} days after their end."
        )
    else:
        click.echo(
            "The server removes no runs: set PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED=events,flow_runs where it runs."
        )
    return 0

"""`airnub retention`: count the runs that the vacuum of the Prefect server will remove; nothing is removed here.

The rule is that of Prefect's database vacuum (`prefect.server.services.db_vacuum`): runs that have ended, and whose end
is past the retention, with their task runs and subflow runs, and then their logs and artifacts.
"""

import json
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from airnub_cli.configuration.dotenv import quiet_prefect, use_dotenv
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.exit_codes import COMPLETED, FAILED, INVALID

if TYPE_CHECKING:
    # It imports Prefect, which is slow.
    from airnub_cli.prefect_api import PrefectServer

_TERMINAL = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]
FLOW_RUNS = "flow_runs"
"""The name of the vacuum of runs in `PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED`."""


@dataclass(frozen=True, slots=True)
class _Vacuum:
    enabled: bool | list[str] | None
    retention_period: timedelta
    """An ISO 8601 duration; earlier versions of Prefect wrote seconds."""


@dataclass(frozen=True, slots=True)
class _Services:
    db_vacuum: _Vacuum


@dataclass(frozen=True, slots=True)
class _Server:
    services: _Services


@dataclass(frozen=True, slots=True)
class _Settings:
    server: _Server


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings of a server."""

    enabled: bool
    """Whether its vacuum removes runs."""
    retention: timedelta


@dataclass(frozen=True, slots=True)
class Expired:
    """The number of runs past a retention."""

    before: datetime
    """Runs that ended before this time, in UTC."""
    flow_runs: int
    """Subflow runs among them."""
    task_runs: int
    artifacts: int

    def as_json(self) -> dict[str, Any]:
        """The values as JSON types."""
        return asdict(self) | {"before": self.before.isoformat()}


def read_policy(server: "PrefectServer") -> Policy:
    """Read how long a server keeps runs.

    Raises:
        BackendError: the server cannot be reached, or publishes no settings, such as Prefect Cloud.
    """
    from pydantic import TypeAdapter, ValidationError

    from airnub_cli.prefect_api import BackendError

    try:
        settings = TypeAdapter(_Settings).validate_python(server.get("/admin/settings"))
    except ValidationError:
        raise BackendError(
            f"expected the settings of a Prefect server at {server.url}/admin/settings, found none of its vacuum; "
            "Prefect Cloud keeps runs as long as its plan says"
        ) from None
    vacuum = settings.server.services.db_vacuum
    # An older form of the setting is `true`, which includes runs, or `false`.
    runs = vacuum.enabled if isinstance(vacuum.enabled, bool) else FLOW_RUNS in (vacuum.enabled or ())
    return Policy(runs, vacuum.retention_period)


def count_expired(server: "PrefectServer", retention: timedelta, now: datetime | None = None) -> Expired:
    """Count the runs past a retention, with their task runs and artifacts.

    Args:
        server: the server whose runs are counted.
        retention: how long a run is kept after its end.
        now: the time to count from; by default the time of this machine.

    Raises:
        BackendError: the server cannot be reached, or refuses.
    """
    before = (now or datetime.now(UTC)) - retention
    runs = {"end_time": {"before_": before.isoformat()}, "state": {"type": {"any_": _TERMINAL}}}
    return Expired(
        before,
        *(server.count(f"/{kind}/count", flow_runs=runs) for kind in ("flow_runs", "task_runs", "artifacts")),
    )


@click.command("retention", epilog="Example: uv run airnub retention --days 30")
@click.option(
    "--days", type=click.FloatRange(min=1), help="Retention to count for, in days. Default: the server's setting."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout.")
def retention(days: float | None, as_json: bool) -> None:
    """Count the runs that the Prefect server will remove next.

    This command removes nothing: the server (PREFECT_API_URL) removes expired runs every hour by itself, and removes
    task runs, logs and artifacts with the runs.
    """
    quiet_prefect()
    sys.exit(_run(days, as_json=as_json))


def _run(days: float | None, *, as_json: bool) -> int:
    try:
        root = Workspace.root_around(Path.cwd())
        use_dotenv(root)
    except (WorkspaceError, ConfigurationError) as error:
        click.secho(str(error), fg="red", err=True)
        return INVALID
    from airnub_cli.prefect_api import BackendError, prefect_server

    try:
        with prefect_server() as server:
            policy = read_policy(server)
            kept = policy.retention if days is None else timedelta(days=days)
            expired = count_expired(server, kept)
            url = server.url
    except BackendError as error:
        click.secho(str(error), fg="red", err=True)
        return FAILED
    kept_days = kept / timedelta(days=1)
    if as_json:
        document = {"server": url, "enabled": policy.enabled, "retention_days": kept_days, **expired.as_json()}
        click.echo(json.dumps(document, indent=2))
        return COMPLETED
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
    return COMPLETED

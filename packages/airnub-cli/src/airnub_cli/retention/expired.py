"""Runs past the retention of the Prefect server, counted through its API; nothing is removed here.

The rule is that of Prefect's database vacuum (`prefect.server.services.db_vacuum`): a run that has ended, whose end is
past the retention. Its task runs and subflow runs go with it, and then its logs and artifacts.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel, ValidationError

from airnub_cli.prefect_api import BackendError, PrefectServer

_TERMINAL = ["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]
FLOW_RUNS = "flow_runs"
"""What the vacuum of runs is called in `PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED`."""


class _Vacuum(BaseModel):
    enabled: bool | list[str] | None
    retention_period: timedelta
    """Prefect writes an ISO duration, and wrote seconds before."""


class _Services(BaseModel):
    db_vacuum: _Vacuum


class _Server(BaseModel):
    services: _Services


class _Settings(BaseModel):
    server: _Server


@dataclass(frozen=True, slots=True)
class Policy:
    """What a server is set to."""

    enabled: bool
    """Whether its vacuum removes runs."""
    retention: timedelta


@dataclass(frozen=True, slots=True)
class Expired:
    """What is past a retention."""

    before: datetime
    """Runs that ended before this time, in UTC."""
    flow_runs: int
    """Subflow runs among them."""
    task_runs: int
    artifacts: int

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"before": self.before.isoformat()}


def read_policy(server: PrefectServer) -> Policy:
    """How long a server keeps runs.

    Raises:
        BackendError: it cannot be reached, or does not publish its settings, as Prefect Cloud does not.
    """
    try:
        settings = _Settings.model_validate(server.get("/admin/settings"))
    except ValidationError:
        raise BackendError(
            f"expected the settings of a Prefect server at {server.url}/admin/settings, found none of its vacuum; "
            "Prefect Cloud keeps runs as long as its plan says"
        ) from None
    vacuum = settings.server.services.db_vacuum
    # Of Prefect's older form, `true` and `false`, only the first is with runs.
    runs = vacuum.enabled if isinstance(vacuum.enabled, bool) else FLOW_RUNS in (vacuum.enabled or ())
    return Policy(runs, vacuum.retention_period)


def count_expired(server: PrefectServer, retention: timedelta, now: datetime | None = None) -> Expired:
    """Count what is past a retention.

    Args:
        server: to ask.
        retention: how long a run is kept after its end.
        now: the time to count from; that of this machine by default.

    Raises:
        BackendError: the server cannot be reached, or refuses.
    """
    before = (now or datetime.now(UTC)) - retention
    runs = {"end_time": {"before_": before.isoformat()}, "state": {"type": {"any_": _TERMINAL}}}
    return Expired(
        before,
        *(server.count(f"/{kind}/count", flow_runs=runs) for kind in ("flow_runs", "task_runs", "artifacts")),
    )

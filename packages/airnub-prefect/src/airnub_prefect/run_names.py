"""Names of flow runs, such as `project-alpha-ingestion-2026-11-28T10:15:02Z`."""

from datetime import UTC, datetime

from prefect.runtime import flow_run


def run_name() -> str:
    """The name of the current flow run: the flow, which contains department and stage, and the scheduled start in UTC.

    Use it as `flow_run_name` of `@flow`; Prefect calls it when the run starts. Retries keep the name, and the names of
    a flow sort by time.
    """
    expected: datetime = flow_run.scheduled_start_time
    return f"{flow_run.flow_name}-{expected.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"

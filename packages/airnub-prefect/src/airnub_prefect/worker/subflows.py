"""Orphaned subflow runs: their parent run has ended, they cannot continue, and Prefect leaves them Running."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterId,
    FlowRunFilterParentTaskRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterId,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import Abort, ObjectNotFound
from prefect.states import Crashed
from prefect.utilities.engine import propose_state

PAGE = 200
"""Maximum number of runs in a response of the server."""
GRACE = timedelta(seconds=15)
"""Time between the end of a parent and the crash of its subflow runs, in which they may report their own end."""


async def crash_orphans(client: PrefectClient, *, now: datetime | None = None) -> list[FlowRun]:
    """Set subflow runs to Crashed whose parent ended longer than `GRACE` ago.

    Runs of deployments that a run started (`run_deployment`) have a process of their own, and are left alone.

    Returns:
        The crashed runs.
    """
    ended_before = (now or datetime.now(UTC)) - GRACE
    crashed: list[FlowRun] = []
    seen = 0
    while children := await _unfinished(client, seen):
        ended = await _crash_orphans_of(client, children, ended_before)
        crashed += ended
        # Runs that have ended are not in the next page.
        seen += len(children) - len(ended)
        if len(children) < PAGE:
            break
    return crashed


async def _unfinished(client: PrefectClient, offset: int) -> list[FlowRun]:
    return await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            parent_task_run_id=FlowRunFilterParentTaskRunId(is_null_=False),
            deployment_id=FlowRunFilterDeploymentId(is_null_=True),
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=sorted(set(StateType) - TERMINAL_STATES))),
        ),
        sort=FlowRunSort.ID_DESC,
        limit=PAGE,
        offset=offset,
    )


async def _crash_orphans_of(
    client: PrefectClient, children: Sequence[FlowRun], ended_before: datetime
) -> list[FlowRun]:
    parents = await _parents(client, [run.parent_task_run_id for run in children if run.parent_task_run_id])
    crashed = []
    for run in children:
        parent = parents.get(run.parent_task_run_id)
        if parent is None or parent.state is None or not parent.state.is_final():
            continue
        if parent.end_time is not None and parent.end_time > ended_before:
            continue
        message = f"Its parent run {parent.name!r} has ended as {parent.state.name}."
        try:
            await propose_state(client, Crashed(message=message), flow_run_id=run.id)
        except (Abort, ObjectNotFound):  # the run has ended or was deleted meanwhile
            continue
        crashed.append(run)
    return crashed


async def _parents(client: PrefectClient, task_runs: Iterable[UUID]) -> dict[UUID | None, FlowRun]:
    """The parent flow run of each task run that represents a subflow."""
    found = await client.read_task_runs(task_run_filter=TaskRunFilter(id=TaskRunFilterId(any_=list(task_runs))))
    wanted = {run.flow_run_id for run in found if run.flow_run_id}
    if not wanted:
        return {}
    runs = await client.read_flow_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=sorted(wanted))))
    by_id = {run.id: run for run in runs}
    return {run.id: by_id[run.flow_run_id] for run in found if run.flow_run_id in by_id}

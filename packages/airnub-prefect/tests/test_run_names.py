"""Names of flow runs."""

import asyncio
import re
from datetime import UTC, datetime

from prefect import flow, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.flow_engine import run_flow_async
from prefect.states import Scheduled

from airnub_prefect.run_names import run_name


@flow(name="some-department-part", flow_run_name=run_name)
async def part():
    """A subflow."""


@flow(name="some-department-ingestion", flow_run_name=run_name)
async def ingestion():
    """A flow with a part."""
    await part()


def test_flow_and_time(prefect_api):
    """Of a flow that is called, and of a flow in it."""

    async def run():
        before = datetime.now(UTC).replace(microsecond=0)
        state = await ingestion(return_state=True)
        async with get_client() as client:
            ended = await client.read_flow_run(state.state_details.flow_run_id)
            parent = FlowRunFilterParentFlowRunId(any_=[ended.id])
            [inner] = await client.read_flow_runs(flow_run_filter=FlowRunFilter(parent_flow_run_id=parent))
        return before, ended.name, inner.name

    before, outer, inner = asyncio.run(run())
    for name, of in ((outer, "some-department-ingestion"), (inner, "some-department-part")):
        found = re.fullmatch(rf"{of}-(\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ)", name)
        assert found, name
        assert before <= datetime.fromisoformat(found[1]) <= datetime.now(UTC)


def test_a_scheduled_run_has_the_time_that_it_was_due(prefect_api):
    """However late it starts; so it has the same name when it is run again."""
    due = datetime(2026, 11, 28, 10, 15, 2, tzinfo=UTC)

    async def run():
        async with get_client() as client:
            made = await client.create_flow_run(ingestion, state=Scheduled(scheduled_time=due))
            await run_flow_async(ingestion, flow_run=made)
            return (await client.read_flow_run(made.id)).name

    assert asyncio.run(run()) == "some-department-ingestion-2026-11-28T10:15:02Z"

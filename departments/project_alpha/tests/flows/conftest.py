"""Fixtures that run flows against the real Prefect server, and read their state and artifacts."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId


@dataclass
class Ended:
    """A flow run as the server knows it: the name and message of its state, and its artifacts by key."""

    state: str
    message: str
    artifacts: dict[str, Any]
    result: Any
    """What the flow returned, or the exception that it ended with."""


@pytest.fixture
def run(prefect_api):
    """Run a flow to its end, whatever that is."""

    def ended(flow, **parameters):
        async def to_its_end():
            state = await flow(**parameters, return_state=True)
            run_id = state.state_details.flow_run_id
            async with get_client() as client:
                flow_run = await client.read_flow_run(run_id)
                of_this_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run_id]))
                artifacts = await client.read_artifacts(artifact_filter=of_this_run)
            result = await state.aresult(raise_on_failure=False)
            # Prefect keeps artifacts of its own too, which have no key.
            shown = {one.key: one.data for one in artifacts if one.key}
            return Ended(flow_run.state.name, flow_run.state.message or "", shown, result)

        return asyncio.run(to_its_end())

    return ended


@pytest.fixture
def table():
    """The rows of a table artifact."""
    return json.loads

"""The worker of a Docker pool; its containers are tested with an engine, in tests/docker."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest


@pytest.mark.parametrize(("age", "expected"), [(timedelta(0), "CRASHED"), (timedelta(minutes=3), "PENDING")])
def test_a_run_that_was_started_again_is_left_alone(client, age, expected):
    """Its container that was never started is from an earlier start when it is older than the state Pending."""
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.states import Pending
    from prefect.workers.process import ProcessWorker

    from airnub_prefect.worker.docker_worker import GracefulDockerWorker

    @flow(name=f"started-again-{uuid4().hex[:8]}")
    def started_again():
        """Is never run."""

    run = client.create_flow_run(started_again, state=Pending())
    name = f"in-containers-{uuid4().hex[:8]}"
    worker = type(name, (GracefulDockerWorker, ProcessWorker), {"type": name})(work_pool_name="nowhere")

    async def end():
        async with get_client() as worker._client:
            await worker._end_unstarted(run.id, datetime.now(UTC) - age)

    asyncio.run(end())
    assert client.read_flow_run(run.id).state.type.value == expected

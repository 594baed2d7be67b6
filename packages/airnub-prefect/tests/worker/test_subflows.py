"""Subflow runs whose parent has ended, on a real server."""

import asyncio
from datetime import UTC, datetime

import pytest

pytestmark = pytest.mark.system


@pytest.fixture
def family(prefect_here):
    """A parent run and its subflow run, both Running; their ids, and what sets the parent's state."""
    from prefect import flow, task
    from prefect.client.orchestration import get_client
    from prefect.states import Running

    @flow
    def parent(): ...

    @flow
    def child(): ...

    @task
    def stands_for_the_child(): ...

    with get_client(sync_client=True) as client:
        first = client.create_flow_run(parent, state=Running())
        task_run = client.create_task_run(stands_for_the_child, first.id, "0", state=Running())
        second = client.create_flow_run(child, parent_task_run_id=task_run.id, state=Running())
        yield client, first.id, second.id


def look(now=None):
    """Look once; ids of what was set to Crashed."""
    from prefect.client.orchestration import get_client

    from airnub_prefect.worker.subflows import crash_orphans

    async def once():
        async with get_client() as client:
            return [run.id for run in await crash_orphans(client, now=now)]

    return asyncio.run(once())


@pytest.mark.parametrize("end", ["Crashed", "Failed"])
def test_a_subflow_run_ends_with_its_parent(family, end):
    """It is Crashed, and its message names the parent; not at once, for it may be about to say its own end."""
    from prefect import states

    from airnub_prefect.worker.subflows import GRACE

    client, parent, child = family
    assert child not in look()
    client.set_flow_run_state(parent, getattr(states, end)(), force=True)
    assert child not in look(datetime.now(UTC))
    look(datetime.now(UTC) + 2 * GRACE)
    state = client.read_flow_run(child).state
    assert state.is_crashed()
    assert client.read_flow_run(parent).name in state.message
    assert f"has ended as {end}" in state.message


def test_a_subflow_run_that_has_ended_is_left_alone(family):
    """Whatever became of its parent."""
    from prefect import states

    from airnub_prefect.worker.subflows import GRACE

    client, parent, child = family
    client.set_flow_run_state(child, states.Completed(), force=True)
    client.set_flow_run_state(parent, states.Crashed(), force=True)
    assert child not in look(datetime.now(UTC) + 2 * GRACE)
    assert client.read_flow_run(child).state.is_completed()


def test_more_than_a_page_of_subflow_runs(family, monkeypatch):
    """All of them are looked at: those that live do not hide those whose parent has ended."""
    from prefect import flow, states
    from prefect.states import Running

    from airnub_prefect.worker import subflows

    @flow
    def child(): ...

    client, parent, first = family
    task_run = client.read_flow_run(first).parent_task_run_id
    children = {
        first,
        *(client.create_flow_run(child, parent_task_run_id=task_run, state=Running()).id for _ in range(4)),
    }
    monkeypatch.setattr(subflows, "PAGE", 2)
    assert not children & set(look())
    client.set_flow_run_state(parent, states.Crashed(), force=True)
    # Another process of the tests may end some on the same server, which moves the pages of this one.
    for _ in range(3):
        look(datetime.now(UTC) + 2 * subflows.GRACE)
    assert all(client.read_flow_run(one).state.is_crashed() for one in children)


def test_a_run_of_a_deployment_that_a_run_started_is_left_alone(family):
    """It has a process of its own (`run_deployment`), which goes on when its parent has ended."""
    from prefect import states
    from prefect.states import Running

    from airnub_prefect.worker.subflows import GRACE

    client, parent, child = family
    found = client.read_flow_run(child)
    deployment = client.create_deployment(found.flow_id, name=f"of-{child}")
    own = client.create_flow_run_from_deployment(
        deployment, parent_task_run_id=found.parent_task_run_id, state=Running()
    )
    client.set_flow_run_state(parent, states.Failed(), force=True)
    ended = look(datetime.now(UTC) + 2 * GRACE)
    assert client.read_flow_run(child).state.is_crashed()
    assert own.id not in ended
    assert not client.read_flow_run(own.id).state.is_final()

"""Containers of runs on a real engine: unstarted ones are removed, and how others ended is reported."""

import queue
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from docker_system import PREFECT, docker, wait_for


@pytest.fixture
def pool(images):
    """The id of a unique pool; its containers, and those of pools with its name, are removed afterwards."""
    number = uuid4()
    yield number
    name = f"label=io.prefect.work-pool-name={name_of(number)}"
    left = docker("ps", "--all", "--quiet", "--filter", name).stdout.split()
    if left:
        docker("rm", "--force", *left)


def name_of(pool):
    """The name of a pool."""
    return f"pool-{pool.hex[:8]}"


def labels(pool, run, worker, name=None):
    """Labels as prefect-docker sets them."""
    values = {
        "flow-run-id": run, "work-pool-id": pool, "work-pool-name": name or name_of(pool), "worker-name": worker,
    }  # fmt: skip
    return [f"--label=io.prefect.{name}={value}" for name, value in values.items()]


def create(pool, *, worker="me", name=None):
    """Create a container without starting it; returns its run."""
    run = uuid4()
    docker("create", *labels(pool, run, worker, name), PREFECT, "true")
    return run


def test_what_was_never_started_is_removed(pool):
    """A predecessor's container at once, but none that a different worker or this one is about to start."""
    from airnub_prefect.worker.docker_containers import remove_unstarted_containers

    left, of_another, submitted = create(pool), create(pool, worker="another"), create(pool)
    assert remove_unstarted_containers(pool, "me", {submitted}).keys() == {left}
    assert remove_unstarted_containers(pool, "me", {submitted}) == {}
    [(run, created)] = remove_unstarted_containers(pool, "another", set()).items()
    assert run == of_another
    assert timedelta(0) <= datetime.now(UTC) - created < timedelta(minutes=10)


def test_a_pool_of_the_same_name_on_another_server_is_left_alone(pool):
    """A second system on this engine, whose worker is about to start its container."""
    from airnub_prefect.worker.docker_containers import remove_unstarted_containers

    ours, others = create(pool), uuid4()
    theirs = create(others, name=name_of(pool))
    assert remove_unstarted_containers(pool, "me", set()).keys() == {ours}
    assert remove_unstarted_containers(others, "me", set()).keys() == {theirs}


def test_what_runs_is_left_alone(pool):
    """And is reported as running."""
    from airnub_prefect.worker.docker_containers import has_container, remove_unstarted_containers

    run = uuid4()
    docker("run", "--detach", *labels(pool, str(run), "me"), PREFECT, "sleep", "60")
    assert remove_unstarted_containers(pool, "me", set()) == {}
    assert has_container(run)
    assert not has_container(uuid4())


GREEDY = "x = bytearray(500 * 2**20)"


@pytest.mark.parametrize(
    ("command", "status", "out_of_memory"),
    [
        (["sh", "-c", "exit 3"], 3, False),
        (["sh", "-c", "kill -9 $$"], 137, False),
        (["python", "-c", GREEDY], 137, True),
    ],
)
def test_the_end_of_a_container_is_said(pool, command, status, out_of_memory):
    """From the engine's events, also after its removal; out of memory only if the limit was reached."""
    from airnub_prefect.worker.docker_containers import ContainerExit, ContainerExits

    ends, run = queue.Queue(), uuid4()
    ContainerExits(pool, ends.put).start()
    limits = ["--memory=50m", "--memory-swap=50m"]
    docker("run", "--rm", "--init", *limits, *labels(pool, str(run), "me"), PREFECT, *command, check=False)
    wait_for(lambda: not ends.empty(), "an end")
    assert ends.get() == ContainerExit(run, status, out_of_memory)

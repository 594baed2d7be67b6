"""Containers of runs on a real engine: those that were never started are removed, and how others ended is said."""

import queue
from uuid import UUID, uuid4

import pytest
from docker_system import PREFECT, docker, wait_for


@pytest.fixture
def pool(images):
    """The name of a pool that nothing else has; its containers are gone afterwards."""
    name = f"pool-{uuid4().hex[:8]}"
    yield name
    left = docker("ps", "--all", "--quiet", "--filter", f"label=io.prefect.work-pool-name={name}").stdout.split()
    if left:
        docker("rm", "--force", *left)


def labels(pool, run, worker):
    """As prefect-docker gives them."""
    values = {"flow-run-id": run, "work-pool-name": pool, "worker-name": worker}
    return [f"--label=io.prefect.{name}={value}" for name, value in values.items()]


def create(pool, *, worker="me", run=None):
    """A container that is not started; its run."""
    run = run or str(uuid4())
    docker("create", *labels(pool, run, worker), PREFECT, "true")
    return UUID(run)


def test_what_was_never_started_is_removed(pool):
    """Of this worker's predecessor at once; what another worker is about to start, and what is submitted here, stay."""
    from airnub_prefect.run_containers import remove_unstarted

    left, of_another, submitted = create(pool), create(pool, worker="another"), create(pool)
    assert remove_unstarted(pool, "me", {submitted}) == [left]
    assert remove_unstarted(pool, "me", {submitted}) == []
    assert set(remove_unstarted(pool, "another", set())) == {of_another}


def test_what_runs_is_left_alone(pool):
    """And is known to run."""
    from airnub_prefect.run_containers import has_container, remove_unstarted

    run = uuid4()
    docker("run", "--detach", *labels(pool, str(run), "me"), PREFECT, "sleep", "60")
    assert remove_unstarted(pool, "me", set()) == []
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
    """By the engine's events, after it was removed too; out of memory only where the limit was reached."""
    from airnub_prefect.run_containers import Ended, EndsOfContainers

    ends, run = queue.Queue(), uuid4()
    EndsOfContainers(pool, ends.put).start()
    limits = ["--memory=50m", "--memory-swap=50m"]
    docker("run", "--rm", "--init", *limits, *labels(pool, str(run), "me"), PREFECT, *command, check=False)
    wait_for(lambda: not ends.empty(), "an end")
    assert ends.get() == Ended(run, status, out_of_memory)

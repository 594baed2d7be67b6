"""Events of the Docker engine, as it sends them; tests/docker has the engine itself."""

from uuid import uuid4

import pytest

from airnub_prefect.worker.docker_containers import ContainerExit, ContainerExits

RUN = uuid4()


def event(action, container="c", run=RUN, status=None):
    """One of a container."""
    attributes = {"io.prefect.flow-run-id": str(run)} if run else {}
    if status is not None:
        attributes["exitCode"] = str(status)
    return {"Action": action, "time": 1, "Actor": {"ID": container, "Attributes": attributes}}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event("die", status=137)], [ContainerExit(RUN, 137, out_of_memory=False)]),
        ([event("oom"), event("die", status=137)], [ContainerExit(RUN, 137, out_of_memory=True)]),
        ([event("oom", "other"), event("die", status=137)], [ContainerExit(RUN, 137, out_of_memory=False)]),
        ([event("die", run=None, status=1)], []),
    ],
)  # fmt: skip
def test_the_exit_of_a_container(events, expected):
    """It is reported with its status, and as out of memory if the engine reported that of this container."""
    said = []
    ends = ContainerExits(uuid4(), said.append)
    for one in events:
        ends._handle(one)
    assert said == expected

"""A backup of a system with a run in flight, restored into an empty one: runs, stores and datasets are equal."""

import json
import socket
import subprocess
import sys
from uuid import uuid4

import pytest
from docker_system import System, clone, wait_for

STORE, DATASETS = "/data/data/project_alpha", "/data/datasets/project_alpha"
LOOKS = (
    ("store", "ls", "--store", STORE),
    ("dataset", "ls", "--datasets", DATASETS),
)


def airnub(system, *arguments, check=True):
    """Run a command of the workspace as this system's operator."""
    command = [sys.executable, "-m", "airnub_cli", *map(str, arguments)]
    done = subprocess.run(
        command, env=system.environment, cwd=system.folder, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done


def looks(system):
    """Outputs of the department's commands that show its data."""
    return [system.in_data("project-alpha", *words, "--json") for words in LOOKS]


def ended(system):
    """Every ended run with its state."""
    asked = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}}}
    return {run["id"]: run["state"]["type"] for run in system.post("/flow_runs/filter", asked)}


@pytest.fixture(scope="module")
def before(up):
    """The runs that had ended before the backup."""
    up.completes(up.start("project-alpha-pipeline"))
    return ended(up)


@pytest.fixture(scope="module")
def vault(up, before, tmp_path_factory):
    """A vault with a backup that was made while a run was in flight."""
    folder = tmp_path_factory.mktemp("vault")
    run = up.start("project-alpha-pipeline")
    wait_for(lambda: up.container_of(run), f"a container of the run {run}")
    made = json.loads(airnub(up, "backup", folder, "--json").stdout)
    up.completes(run)
    assert made["databases"] == ["prefect"]
    return folder


@pytest.fixture(scope="module")
def second(up, tmp_path_factory):
    """A machine with only the system's images."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("second")
    clone(folder)
    system = System(f"airnub-test-{uuid4().hex[:8]}", port, folder)
    try:
        yield system
    finally:
        system.compose("down", "--volumes", "--timeout", "20", check=False)


def test_an_empty_machine_is_as_the_one_that_was_backed_up(up, before, vault, second):
    """It has the ended runs, objects and versions of datasets, and continues by itself."""
    expected = looks(up)
    done = json.loads(airnub(second, "restore", vault, "--json").stdout)
    assert done["replaced"] == []
    assert [one["path"] for one in done["verified"]["stores"]] == ["data/project_alpha"]
    assert {one["path"].rpartition("/")[2] for one in done["verified"]["tables"]} >= {"noaa_daily_weather"}
    second.compose("up", "-d", "--wait", "--no-build")
    # The run that was in flight has no process any more, and will be marked as Crashed.
    assert before.items() <= ended(second).items()
    assert looks(second) == expected
    second.completes(second.start("project-alpha-processing"))


def test_a_second_backup_copies_little(up, vault):
    """Objects and files of datasets are not copied again."""
    made = json.loads(airnub(up, "backup", vault, "--json").stdout)
    assert made["copied"]["files"] < made["files"] / 4


def test_a_system_that_runs_is_not_overwritten(up, vault):
    """The error lists the running services."""
    done = airnub(up, "restore", vault, "--replace", check=False)
    assert done.returncode == 1
    assert "expected nothing but postgres to run, found" in done.stderr
    assert "worker-project-alpha" in done.stderr

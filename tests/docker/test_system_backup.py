"""A backup of a system with a run in flight, restored into an empty one: runs, stores and datasets are the same."""

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
    """A command of the workspace, as an operator of this system types it."""
    command = [sys.executable, "-m", "airnub_cli", *map(str, arguments)]
    done = subprocess.run(
        command, env=system.environment, cwd=system.folder, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done


def looks(system):
    """What the department's commands print of its data."""
    return [system.in_data("project-alpha", *words, "--json") for words in LOOKS]


def ended(system):
    """Every run that has ended, with its state."""
    asked = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED", "FAILED", "CRASHED"]}}}}
    return {run["id"]: run["state"]["type"] for run in system.post("/flow_runs/filter", asked)}


@pytest.fixture(scope="module")
def before(up):
    """The runs that have ended before the backup."""
    up.completes(up.start("project-alpha-pipeline"))
    return ended(up)


@pytest.fixture(scope="module")
def vault(up, before, tmp_path_factory):
    """With a backup that was made while a run was in flight."""
    folder = tmp_path_factory.mktemp("vault")
    run = up.start("project-alpha-pipeline")
    wait_for(lambda: up.container_of(run), f"a container of the run {run}")
    made = json.loads(airnub(up, "backup", folder, "--json").stdout)
    up.completes(run)
    assert made["databases"] == ["prefect"]
    return folder


@pytest.fixture(scope="module")
def second(up, tmp_path_factory):
    """A machine on which nothing of the system is but its images."""
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
    """Runs that had ended, objects, versions of datasets; then it goes on by itself."""
    expected = looks(up)
    done = json.loads(airnub(second, "restore", vault, "--json").stdout)
    assert done["replaced"] == []
    assert [one["path"] for one in done["verified"]["stores"]] == ["data/project_alpha"]
    assert {one["path"].rpartition("/")[2] for one in done["verified"]["tables"]} >= {"noaa_daily_weather"}
    second.compose("up", "-d", "--wait", "--no-build")
    # The run that was in flight has lost its process, and is crashed sooner or later.
    assert before.items() <= ended(second).items()
    assert looks(second) == expected
    second.completes(second.start("project-alpha-processing"))


def test_a_second_backup_copies_little(up, vault):
    """Objects and files of datasets are there already."""
    made = json.loads(airnub(up, "backup", vault, "--json").stdout)
    assert made["copied"]["files"] < made["files"] / 4


def test_a_system_that_runs_is_not_overwritten(up, vault):
    """The services that run are named."""
    done = airnub(up, "restore", vault, "--replace", check=False)
    assert done.returncode == 1
    assert "expected nothing but postgres to run, found" in done.stderr
    assert "worker-project-alpha" in done.stderr

"""Shared fixtures of the tests with Docker: an engine or the reason to skip, images, and a separate whole system."""

import os
import shutil
import socket
import sys
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

sys.path.insert(0, str(Path(__file__).parent / "importable"))
from docker_system import System, clone, docker, wait_for

SLOW = {"requests_per_second_per_host": 0.15}
"""Of the sample site: seven requests take some 40 seconds, longer than `up` with its set-up."""
REQUIRED = bool(os.environ.get("CI") or os.environ.get("AIRNUB_CI_REQUIRE_DOCKER"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """All tests of this folder need an engine, and run in the order of the files: one system serves all of them."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.docker)
        item.add_marker(pytest.mark.example)  # whose flows the systems run
    written = sorted(here, key=lambda item: (item.path, item.function.__code__.co_firstlineno, _given(item)))
    places = [number for number, item in enumerate(items) if item in here]
    for place, item in zip(places, written, strict=True):
        items[place] = item


def _given(item):
    # Parameters in the order they are written, too.
    return list(item.callspec.indices.values()) if hasattr(item, "callspec") else []


@pytest.fixture(scope="session")
def engine():
    """Docker with buildx and Compose; without it tests are skipped on a laptop, and fail in CI."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        pytest.skip("one system serves all these tests, in one process: `uv run pytest -n 0 tests/docker`")
    reason = _missing()
    if reason and REQUIRED:
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


def _missing():
    if shutil.which("docker") is None:
        return "expected the command docker, found none"
    for arguments in (["version"], ["buildx", "version"], ["compose", "version"]):
        done = docker(*arguments, check=False)
        if done.returncode != 0:
            return f"expected `docker {' '.join(arguments)}` to answer, found: {done.stderr.strip()[:200]}"
    return None


@pytest.fixture(scope="session")
def images(engine):
    """All images, built from this checkout."""
    docker("compose", "build")


@pytest.fixture(scope="session")
def system(images, tmp_path_factory):
    """One system for all tests: a test that breaks something repairs it. It is removed with its data afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("clone")
    clone(folder)
    system = System(f"airnub-test-{uuid4().hex[:8]}", port, folder)
    try:
        yield system
    finally:
        with suppress(AssertionError):
            print(system.compose("logs", "--tail", "30").stdout)  # noqa: T201  # pytest shows it when something failed
        system.compose("down", "--volumes", "--timeout", "20", check=False)


@pytest.fixture(scope="session")
def up(system):
    """Everything is healthy before the first test."""
    system.compose("up", "--wait", "--quiet-pull")
    return system


@pytest.fixture
def slow(up):
    """The id of a pipeline run that fetches everything again, slowly, and is still running."""
    [variable] = [
        one["value"] for one in up.post("/variables/filter", {}) if one["name"] == "dept_project_alpha_ingestion_config"
    ]
    settings = variable | {"network": variable["network"] | SLOW}
    run = up.start("project-alpha-pipeline", parameters={"ingestion": settings, "force": True})
    wait_for(lambda: up.state(run)["type"] == "RUNNING", "a run under way")
    yield run
    left = up.container_of(run)
    if left:
        docker("kill", left, check=False)

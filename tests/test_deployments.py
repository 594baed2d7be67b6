"""The root `prefect.yaml`: what it says is what Prefect understands, and a worker runs what was deployed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from airnub_core.sample_site import SampleSite
from project_alpha.demo import DEMO

ROOT = Path(__file__).parents[1]
DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
PREFECT = [sys.executable, "-m", "prefect"]
PATIENCE = 150
"""Seconds for what takes ten on a quiet machine."""


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_a_deployment_leaves_nothing_to_chance(deployment):
    """What Prefect would silently ignore or make up is written out: entrypoint, description, pull, tags, events."""
    module, _, name = deployment["entrypoint"].rpartition(".")
    department = module.partition(".")[0]
    assert deployment["name"].startswith(f"{department.replace('_', '-')}-")
    assert callable(getattr(import_module(module), name))
    assert deployment["description"]
    assert deployment["pull"] == []
    assert f"department:{department}" in deployment["tags"]
    assert all(schedule["slug"] and "active" in schedule for schedule in deployment.get("schedules", []))
    assert all(trigger["expect"] for trigger in deployment.get("triggers", []))


def test_keys_of_the_file_are_known_to_prefect():
    """Prefect drops a key that it does not know without a word; here it fails."""
    from prefect.cli.deploy._models import DeploymentConfig, PrefectYamlModel

    raw = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    assert set(raw) - {"definitions"} <= set(PrefectYamlModel.model_fields)
    for deployment in raw["deployments"]:
        assert set(deployment) <= set(DeploymentConfig.model_fields)


def test_names_are_unique():
    """Triggers name deployments, and nothing else tells them apart."""
    names = [deployment["name"] for deployment in DEPLOYMENTS]
    assert len(set(names)) == len(names)


def test_a_worker_runs_what_was_deployed(tmp_path):
    """From an empty server: deploy, run the ingestion, and each stage starts the next until the report is there."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {"PREFECT_HOME": str(tmp_path / "prefect"), "AIRNUB_DATA_ROOT": str(tmp_path)}
    environment |= {"PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_WORKER_QUERY_SECONDS": "1"}
    with SampleSite(DEMO.routes(with_failure=False)) as site, server(environment) as url:
        environment["PREFECT_API_URL"] = url
        run(environment, "work-pool", "create", "--type", "process", "project-alpha")
        run(environment, "deploy", "--all", "--no-prompt")
        settings = DEMO.settings(site, tmp_path)["ingestion"].model_dump(mode="json", exclude_unset=True)
        settings["store"] = "data/project_alpha"
        with worker(environment):
            parameters = json.dumps({"settings": settings})
            run(
                environment,
                "deployment",
                "run",
                "project-alpha-ingestion/project-alpha-ingestion",
                "--params",
                parameters,
            )
            reports = tmp_path / "reports" / "project_alpha"
            wait_for(lambda: list(reports.glob("rain-*/report.md")), "the report of the analysis", url)
            wait_for(lambda: completed(url) >= STAGES, "every stage Completed", url)


STAGES = {"project-alpha-ingestion", "project-alpha-processing", "project-alpha-analysis"}


@contextmanager
def server(environment):
    """A whole Prefect server on a free port; its API's URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with process(environment, "server", "start", "--port", str(port), "--no-ui"):
        url = f"http://127.0.0.1:{port}/api"
        wait_for(lambda: answers(f"{url}/health"), "the server", url)
        yield url


@contextmanager
def worker(environment):
    """A worker of the pool that the deployments name."""
    with process(environment, "worker", "start", "--pool", "project-alpha"):
        yield


@contextmanager
def process(environment, *arguments):
    """A long-running `prefect` command in a group of its own, which is ended with all that it started."""
    running = subprocess.Popen(
        [*PREFECT, *arguments], env=environment, cwd=ROOT, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        try:
            running.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def run(environment, *arguments):
    """A `prefect` command that must succeed."""
    done = subprocess.run(
        [*PREFECT, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def completed(url):
    """Names of the flows that have a completed run."""
    states = {"flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}}}
    return {flow["name"] for flow in post(f"{url}/flows/filter", states)}


def wait_for(happened, what, url):
    """Return when it has happened; fail with what the server knows when it does not."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            runs = post(f"{url}/flow_runs/filter", {})
            pytest.fail(f"expected {what} within {PATIENCE} s, found {[(one['name'], one['state']) for one in runs]}")
        time.sleep(0.25)


def answers(url):
    """Whether somebody answers."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True


def post(url, body):
    """The JSON that the server answers."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)

"""Deployments on a real server: what the files say is what Prefect understands, twice. Runs are in test_readme.py."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from airnub_cli.compile.compilation import compile_environment
from airnub_cli.compile.department_file import retagged
from airnub_cli.compile.deployment_schema import DeploymentFile
from airnub_cli.compile.workspace_check import check_deployments
from airnub_cli.configuration.environment import EnvironmentFile
from airnub_cli.configuration.pools import pool_files
from airnub_cli.workspace import Workspace

ROOT = Path(__file__).parents[1]
PREFECT = [sys.executable, "-m", "prefect"]
PATIENCE = 150
"""Seconds for what takes ten on a quiet machine."""


def test_the_committed_file_is_not_stale():
    """Every deployment is right, and what is committed is what `airnub compile` makes of the departments' files."""
    workspace = Workspace.around(ROOT)
    found = check_deployments(workspace)
    assert found.mistakes == []
    assert compile_environment(workspace, found=found) == (ROOT / "prefect.yaml").read_text()
    for source in found.sources:
        assert retagged(source).expected == source.path.read_text()


def test_every_environment_can_be_compiled():
    """Each is written out in full, with images by the digest of their content where it has a registry."""
    workspace = Workspace.around(ROOT)
    found = check_deployments(workspace)
    for name, environment in found.environments.items():
        text = compile_environment(workspace, name, digest=lambda _: "ab" * 32, found=found)
        for deployment in yaml.safe_load(text)["deployments"]:
            image = deployment["work_pool"]["job_variables"]["image"]
            assert image.endswith(":local" if environment.registry is None else f":{'ab' * 32}")


def test_examples_on_the_page_are_right():
    """Each is what the page says it is: a department's file, or that of an environment."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "deployments.md").read_text(), re.DOTALL)
    examples = [yaml.safe_load(block) for block in blocks]
    [file] = [one for one in examples if "deployments" in one]
    [guard] = [one for one in examples if set(one) == {"build"}]
    [environment] = [one for one in examples if "registry" in one]
    DeploymentFile.model_validate(file | guard)
    EnvironmentFile.model_validate(environment)
    assert len(examples) == 3


@pytest.mark.system
def test_a_second_deploy_changes_nothing(tmp_path):
    """From the root and from a department's folder, on a terminal, nothing is asked, and only triggers get new ids."""
    environment = on_its_own(tmp_path)
    with server(environment) as url:
        environment["PREFECT_API_URL"] = url
        for pool in (*pool_files(ROOT), "department-template"):
            run(environment, "work-pool", "create", "--type", "docker", pool)
        deploy_on_a_terminal(environment, ROOT)
        first = held(url)
        written = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
        assert {one["name"] for one in first["deployments"]} == {one["name"] for one in written}
        assert len(first["automations"]) == sum(len(one.get("triggers", [])) for one in written)
        deploy_on_a_terminal(environment, ROOT)
        assert held(url) == first
        deploy_on_a_terminal(environment, ROOT / "departments" / "project_alpha")
        assert held(url) == first
        deploy_on_a_terminal(environment, ROOT / "departments" / "_template")
        both = held(url)
        assert len(both["deployments"]) == len(first["deployments"]) + len(ALL)
        deploy_on_a_terminal(environment, ROOT / "departments" / "_template")
        assert held(url) == both
        file = tmp_path / "placeholder.yaml"
        guard = "build: [{airnub_prefect.steps.require_environment: {names: [NOT_SET]}}]\n"
        text = (ROOT / "prefect.yaml").read_text().replace("description: ", "description: '{{ $NOT_SET }}' #")
        file.write_text(guard + text)
        refused = run(environment, "deploy", "--all", "--prefect-file", str(file), succeeds=False)
        assert "expected NOT_SET in the environment" in " ".join(refused.split())
        assert held(url) == both


@pytest.mark.parametrize(
    "schedule",
    [
        {"interval": 3600, "anchor_date": "2026-01-01T00:00:00Z"},
        {"cron": "47 6 * * *", "timezone": "Europe/Berlin"},
        {"rrule": "FREQ=DAILY;BYHOUR=6", "timezone": "Etc/UTC"},
    ],
    ids=["interval", "cron", "rrule"],
)
def test_a_schedule_becomes_runs(prefect_api, schedule):
    """With the libraries in the lock, Prefect's scheduler inserts the runs of a deployment's schedule."""
    flow = post(f"{prefect_api}/flows/", {"name": "scheduled"})
    schedules = [{"active": True, "schedule": schedule}]
    body = {"name": f"by {next(iter(schedule))}", "flow_id": flow["id"], "schedules": schedules}
    deployment = post(f"{prefect_api}/deployments/", body)["id"]
    # What the scheduler of a whole server does every minute; that of `prefect_api` does not run.
    post(f"{prefect_api}/deployments/{deployment}/schedule", {"min_runs": 2, "max_runs": 2})
    runs = post(f"{prefect_api}/flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}})
    assert [(run["state"]["type"], run["auto_scheduled"]) for run in runs] == [("SCHEDULED", True)] * 2


ALL = ("ingestion", "processing", "analysis", "pipeline", "housekeeping")


def on_its_own(folder):
    """An environment that has nothing to do with whoever runs the tests."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "AIRNUB_"))}
    return inherited | {"PREFECT_HOME": str(folder / "prefect"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}


def deploy_on_a_terminal(environment, folder):
    """`prefect deploy --all` as a person types it; a question would wait for an answer until the time is over."""
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [*PREFECT, "deploy", "--all"], env=environment, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs,
            check=False, timeout=PATIENCE, start_new_session=True,
        )  # fmt: skip
        said = os.read(ours, 65_536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0, said


def held(url):
    """What the server has of deployments, without times, and of automations, without their ids."""
    deployments = post(f"{url}/deployments/filter", {"sort": "NAME_ASC"})
    automations = post(f"{url}/automations/filter", {"sort": "NAME_ASC"})
    return {
        "deployments": without(deployments, {"updated"}),
        "automations": without(automations, {"updated", "created", "id"}),
        "pools": without(post(f"{url}/work_pools/filter", {}), {"updated"}),
    }


def without(value, keys):
    """A copy that has none of these keys, however deep."""
    if isinstance(value, dict):
        return {key: without(one, keys) for key, one in value.items() if key not in keys}
    return [without(one, keys) for one in value] if isinstance(value, list) else value


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


def run(environment, *arguments, succeeds=True):
    """A `prefect` command that must succeed, or must not; what it said."""
    done = subprocess.run(
        [*PREFECT, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) is succeeds, f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


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


def post(url, body, attempts=5):
    """The JSON that the server answers; while its SQLite is locked it answers 503: Prefect's client asks again, too."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code != 503 or attempts == 1:
            raise
    time.sleep(1)
    return post(url, body, attempts - 1)

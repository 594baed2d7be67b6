"""Deployments on a real server: Prefect accepts the files, and a second deploy changes nothing."""

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
from airnub_cli.compile.prefect_yaml import retagged
from airnub_cli.compile.prefect_yaml_schema import DeploymentFile
from airnub_cli.compile.workspace_check import check_deployments
from airnub_cli.configuration.environment import EnvironmentFile
from airnub_cli.configuration.pools import pool_files
from airnub_cli.workspace import Workspace
from airnub_prefect.embedded.database import prepare

ROOT = Path(__file__).parents[1]
PREFECT = [sys.executable, "-m", "prefect"]
PATIENCE = 150
"""Seconds for what takes ten on a quiet machine."""


def test_the_committed_file_is_not_stale():
    """Every deployment is valid, and the committed file is the output of `airnub compile`."""
    workspace = Workspace.around(ROOT)
    found = check_deployments(workspace)
    assert found.mistakes == []
    assert compile_environment(workspace, found=found) == (ROOT / "prefect.yaml").read_text()
    for source in found.sources:
        assert retagged(source).expected == source.path.read_text()


def test_every_environment_can_be_compiled():
    """Each is written in full, with images by the digest of their content if it has a registry."""
    workspace = Workspace.around(ROOT)
    found = check_deployments(workspace)
    for name, environment in found.environments.items():
        text = compile_environment(workspace, name, digest=lambda _: "ab" * 32, found=found)
        for deployment in yaml.safe_load(text)["deployments"]:
            image = deployment["work_pool"]["job_variables"]["image"]
            assert image.endswith(":local" if environment.registry is None else f":{'ab' * 32}")


def test_examples_on_the_page_are_right():
    """Each example is valid as the file that the page calls it: a department's, or an environment's."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "deployments.md").read_text(), re.DOTALL)
    examples = [yaml.safe_load(block) for block in blocks]
    [file] = [one for one in examples if "deployments" in one]
    [guard] = [one for one in examples if set(one) == {"build"}]
    [environment] = [one for one in examples if "registry" in one]
    DeploymentFile.model_validate(file | guard)
    EnvironmentFile.model_validate(environment)
    assert len(examples) == 3


@pytest.mark.example
@pytest.mark.system
def test_a_second_deploy_changes_nothing(tmp_path):
    """From the root and a department's folder on a terminal: no prompt, and only triggers get new ids."""
    environment = on_its_own(tmp_path)
    with server(environment) as url:
        environment["PREFECT_API_URL"] = url
        for pool in (*pool_files(ROOT), "department-template"):
            post(f"{url}/work_pools/", {"name": pool, "type": "docker"})
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
    # A real server's scheduler does this every minute; the fixture `prefect_api` runs no scheduler.
    post(f"{prefect_api}/deployments/{deployment}/schedule", {"min_runs": 2, "max_runs": 2})
    runs = post(f"{prefect_api}/flow_runs/filter", {"deployments": {"id": {"any_": [deployment]}}})
    assert [(run["state"]["type"], run["auto_scheduled"]) for run in runs] == [("SCHEDULED", True)] * 2


def test_schedules_are_paused_and_resumed(prefect_api):
    """By the commands of docs/how-to.md, without an effect on other deployments."""
    flow = post(f"{prefect_api}/flows/", {"name": "paused"})["id"]
    schedules = [{"active": True, "schedule": {"interval": 3600}}]
    for name in ("one", "other"):
        post(f"{prefect_api}/deployments/", {"name": name, "flow_id": flow, "schedules": schedules})
    environment = os.environ | {"PREFECT_API_URL": prefect_api}

    def found():
        asked = {"flows": {"name": {"any_": ["paused"]}}, "sort": "NAME_ASC"}
        return [one["schedules"][0] for one in post(f"{prefect_api}/deployments/filter", asked)]

    def active():
        return [one["active"] for one in found()]

    schedule = found()[0]["id"]
    assert schedule in run(environment, "deployment", "schedule", "ls", "paused/one")
    run(environment, "deployment", "schedule", "pause", "paused/one", schedule)
    assert active() == [False, True]
    run(environment, "deployment", "schedule", "resume", "paused/one", schedule)
    assert active() == [True, True]


ALL = ("ingestion", "processing", "analysis", "pipeline", "housekeeping")


def on_its_own(folder):
    """Environment variables that are independent of the user who runs the tests."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "AIRNUB_"))}
    return inherited | {"PREFECT_HOME": str(folder / "prefect"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}


def deploy_on_a_terminal(environment, folder):
    """Run `prefect deploy --all` on a terminal; a prompt would wait for input until the timeout."""
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
    """The server's deployments without times, and its automations without ids."""
    deployments = post(f"{url}/deployments/filter", {"sort": "NAME_ASC"})
    automations = post(f"{url}/automations/filter", {"sort": "NAME_ASC"})
    return {
        "deployments": without(deployments, {"updated"}),
        "automations": without(automations, {"updated", "created", "id"}),
        "pools": without(post(f"{url}/work_pools/filter", {}), {"updated"}),
    }


def without(value, keys):
    """A deep copy without these keys."""
    if isinstance(value, dict):
        return {key: without(one, keys) for key, one in value.items() if key not in keys}
    return [without(one, keys) for one in value] if isinstance(value, list) else value


@contextmanager
def server(environment):
    """A whole Prefect server on a free port; its API's URL. Migrations would take as long as all else of its start."""
    assert prepare(Path(environment["PREFECT_HOME"]))
    environment = environment | {"PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false"}
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with process(environment, "server", "start", "--port", str(port), "--no-ui"):
        url = f"http://127.0.0.1:{port}/api"
        wait_for(lambda: answers(f"{url}/health"), "the server", url)
        yield url


@contextmanager
def process(environment, *arguments):
    """A long-running `prefect` command in its own process group, which is ended with all its children."""
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
    """Run a `prefect` command that must succeed, or must fail; returns its output."""
    done = subprocess.run(
        [*PREFECT, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) is succeeds, f"{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def wait_for(happened, what, url):
    """Return when the condition is met; fail with the server's state if it is not."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            runs = post(f"{url}/flow_runs/filter", {})
            pytest.fail(f"expected {what} within {PATIENCE} s, found {[(one['name'], one['state']) for one in runs]}")
        time.sleep(0.25)


def answers(url):
    """Whether a server responds."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError:
        return False
    return True


def post(url, body, attempts=15):
    """The JSON that the server returns; retries 503, which means that SQLite is locked, as Prefect's client does.

    Other tests write into the same server's database at the same time, so it may be locked for many seconds.
    """
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code != 503 or attempts == 1:
            raise
    time.sleep(1)
    return post(url, body, attempts - 1)

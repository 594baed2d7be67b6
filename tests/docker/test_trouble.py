"""What happens to a system that runs: schedules, edits, restarts and kills in the middle of runs, mistakes."""

import json

import pytest
from docker_system import docker, wait_for

SLOW = {"requests_per_second_per_host": 0.25}
"""Of the sample site: seven requests take some 25 seconds, so that there is a middle."""
STAMPS = {"updated", "last_polled", "status"}
"""Of a deployment: what changes without anybody deploying."""


@pytest.fixture
def slow(up):
    """The id of an ingestion that fetches everything anew, slowly, and is in the middle of it."""
    [variable] = [
        one["value"] for one in up.post("/variables/filter", {}) if one["name"] == "dept_project_alpha_ingestion_config"
    ]
    settings = variable | {"network": variable["network"] | SLOW}
    run = up.start("project-alpha-ingestion", parameters={"settings": settings})
    wait_for(lambda: up.state(run)["type"] == "RUNNING", "a run under way")
    yield run
    left = up.container_of(run)
    if left:
        docker("kill", left, check=False)
    up.compose("up", "--wait", "--no-build")


def test_stages_follow_one_another(up):
    """An ingestion that completes starts a processing, and that an analysis."""
    assert up.end_of(up.start("project-alpha-ingestion"))["type"] == "COMPLETED"
    names = {"project-alpha-processing", "project-alpha-analysis"}
    wait_for(lambda: runs_made_by(up, "AUTOMATION", "COMPLETED") >= names, "runs of triggers that completed")


def test_a_schedule_starts_runs(up):
    """By itself, and they complete."""
    deployment = up.deployment("project-alpha-pipeline")
    schedule = {"schedule": {"interval": 15}, "active": True, "slug": "often"}
    [made] = up.post(f"/deployments/{deployment}/schedules", [schedule])
    try:
        wait_for(lambda: "project-alpha-pipeline" in runs_made_by(up, "SCHEDULE", "COMPLETED"), "a scheduled run")
    finally:
        up.delete(f"/deployments/{deployment}/schedules/{made['id']}")


def test_applying_again_sends_nothing(up):
    """It reads, compares, and says so."""
    code, said = up.in_setup("airnub apply --env local")
    assert (code, "nothing was sent" in said) == (0, True), said


def test_deploying_again_changes_nothing_but_the_ids_of_automations(up):
    """Prefect makes the automations of triggers anew with each deploy."""
    before = everything(up)
    ids = {one["id"] for one in up.post("/automations/filter", {})}
    code, said = up.in_setup("prefect deploy --all --no-prompt")
    assert code == 0, said
    assert everything(up) == before
    assert {one["id"] for one in up.post("/automations/filter", {})} != ids


def test_an_edit_is_there_after_the_same_command(up):
    """Image, deployment and run: the report says what the flow's code says now."""
    flow = up.folder / "departments/project_alpha/src/project_alpha/flows/analysis.py"
    old, new = '"project-alpha-rain-report", written.text', '"project-alpha-rain-report", "edited " + written.text'
    before = flow.read_text()
    assert old in before
    try:
        flow.write_text(before.replace(old, new))
        up.compose("up", "--wait")
        assert up.end_of(up.start("project-alpha-analysis"))["type"] == "COMPLETED"
        assert report(up).startswith("edited ")
    finally:
        flow.write_text(before)
        up.compose("up", "--wait")
    assert up.end_of(up.start("project-alpha-analysis"))["type"] == "COMPLETED"
    assert not report(up).startswith("edited ")


def test_a_killed_worker_loses_no_run(up, slow):
    """Its container goes on and reports for itself; the worker that comes after it takes new ones."""
    up.compose("kill", "worker-project-alpha")
    assert up.state(slow)["type"] == "RUNNING"
    up.compose("up", "--wait", "--no-build")
    assert up.end_of(slow)["type"] == "COMPLETED"
    assert up.end_of(up.start("project-alpha-analysis"))["type"] == "COMPLETED"


@pytest.mark.parametrize("service", ["server", "postgres"])
def test_a_restart_loses_no_run(up, slow, service):
    """In the middle of it; and everything is as it was."""
    before = {one["name"]: one["id"] for one in up.post("/deployments/filter", {})}
    up.compose("restart", service)
    assert up.end_of(slow)["type"] == "COMPLETED"
    up.compose("up", "--wait", "--no-build")
    assert {one["name"]: one["id"] for one in up.post("/deployments/filter", {})} == before
    assert up.end_of(up.start("project-alpha-analysis"))["type"] == "COMPLETED"


def test_a_run_can_be_cancelled(up, slow):
    """Its container is gone, and it is Cancelled."""
    up.prefect("flow-run", "cancel", slow)
    state = up.end_of(slow)
    assert (state["type"], state["name"]) == ("CANCELLED", "Cancelled")
    wait_for(lambda: not up.container_of(slow), "no container of a cancelled run")


def test_a_run_that_dies_with_its_worker_is_crashed(up, slow):
    """Nobody is there to see it end: the automation misses its heartbeats."""
    wait_for(lambda: heartbeats(up, slow), "a heartbeat")
    up.compose("kill", "worker-project-alpha")
    docker("kill", "--signal", "KILL", up.container_of(slow))
    state = up.end_of(slow, patience=200)
    assert state["type"] == "CRASHED"
    assert "heartbeat" in state["message"]


def test_a_wrong_tag_is_told(up):
    """By the run, with the name of the image."""
    image = "airnub/project-alpha:nobody-built-this"
    state = up.end_of(up.start("project-alpha-analysis", job_variables={"image": image}))
    assert state["type"] == "CRASHED"
    assert "nobody-built-this" in state["message"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("airnub compile", "expected a pool of infra/work-pools/, found 'nowhere'; there are project-alpha"),
        ("prefect deploy --all --no-prompt", "references work pool 'nowhere'"),
    ],
)
def test_a_missing_pool_is_told(up, command, expected):
    """Before anything is sent."""
    code, said = up.in_setup(f"""
        cp -r /workspace /tmp/w && cd /tmp/w
        sed -i 's/name: project-alpha$/name: nowhere/' prefect.yaml departments/project_alpha/prefect.yaml
        {command}""")
    assert code not in {0, None}
    assert expected in " ".join(said.split())


def test_missing_secrets_are_told(up):
    """All of them, each with the name of what is to be set."""
    block = 'type: secret\\nname: {0}-token\\nfields: {{value: "\\${{AIRNUB_SECRET_{1}_TOKEN}}"}}\\n'
    files = "".join(
        f"printf '{block.format(one, one.upper())}' | sed 's/[\\]//g' >configs/blocks/{one}-token.yaml\n"
        for one in ("usgs", "noaa")
    )
    code, said = up.in_setup(f"""
        cp -r /workspace /tmp/w && cd /tmp/w && mkdir -p configs/blocks
        {files}
        airnub apply --env local""")
    assert code not in {0, None}
    assert {"AIRNUB_SECRET_USGS_TOKEN", "AIRNUB_SECRET_NOAA_TOKEN"} <= set(said.replace("'", " ").split()), said


def test_a_wrong_password_is_told(up):
    """By the command that applies."""
    up.environment["AIRNUB_AUTH"] = "operator:right"
    up.compose("up", "--wait", "--no-build")
    code, said = up.in_setup("PREFECT_API_AUTH_STRING=operator:wrong airnub apply --env local")
    assert code not in {0, None}
    assert "401" in said
    assert "Traceback" not in said


def test_down_leaves_nothing_behind(up):
    """After all that."""
    up.compose("down", "--volumes")
    assert up.leftovers() == []


def runs_made_by(system, kind, state):
    """Names of the deployments that have such a run in such a state."""
    names = {one["id"]: one["name"] for one in system.post("/deployments/filter", {})}
    return {
        names[run["deployment_id"]]
        for run in system.post("/flow_runs/filter", {})
        if run["state_type"] == state and run["deployment_id"] and (run["created_by"] or {}).get("type") == kind
    }


def everything(system):
    """Deployments, pools, variables and automations as the server has them, without ids that deploying makes anew."""
    deployments = system.post("/deployments/filter", {})
    return {
        "deployments": {one["name"]: {k: v for k, v in one.items() if k not in STAMPS} for one in deployments},
        "variables": sorted(json.dumps(one, sort_keys=True) for one in system.post("/variables/filter", {})),
        "automations": sorted(
            json.dumps({"name": one["name"], "enabled": one["enabled"]})
            for one in system.post("/automations/filter", {})
        ),
    }


def report(system):
    """The text that the last analysis published."""
    asked = {"artifacts": {"key": {"any_": ["project-alpha-rain-report"]}}, "sort": "CREATED_DESC", "limit": 1}
    [found] = system.post("/artifacts/filter", asked)
    return found["data"]


def heartbeats(system, run):
    """Those that the server has of a run."""
    asked = {
        "filter": {"event": {"name": ["prefect.flow-run.heartbeat"]}, "resource": {"id": [f"prefect.flow-run.{run}"]}}
    }
    return system.post("/events/filter", asked)["events"]

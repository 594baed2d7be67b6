"""A running system with schedules, edits, restarts, kills in the middle of runs, and errors."""

import pytest
import yaml
from docker_system import ROOT, docker, wait_for

SET_UP = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["setup"]["command"][-1].replace(
    "$$", "$"
)
"""What `setup` runs with each `up`."""

STAMPS = {"updated", "last_polled", "status", "active_slots"}
"""What changes by runs and workers alone, at any depth."""


def test_a_schedule_starts_runs(up):
    """Without further action, and they complete."""
    deployment = up.deployment("project-alpha-pipeline")
    schedule = {"schedule": {"interval": 15}, "active": True, "slug": "often"}
    [made] = up.post(f"/deployments/{deployment}/schedules", [schedule])
    try:
        wait_for(lambda: up.completed_by("SCHEDULE")["project-alpha-pipeline"], "a scheduled run")
    finally:
        up.delete(f"/deployments/{deployment}/schedules/{made['id']}")


def test_applying_again_sends_nothing(up):
    """It compares, and reports that nothing changed."""
    # Tests before this one may have left a server that differs, such as one whose runs log as JSON.
    code, said = up.in_setup("airnub apply")
    assert code == 0, said
    code, said = up.in_setup("airnub apply")
    assert (code, "nothing was sent" in said) == (0, True), said
    assert "environment: sample, which the server has" in said
    assert "sources: replaced by the environment sample for project_alpha" in said


def test_deploying_again_changes_nothing_but_the_ids_of_automations(up):
    """Prefect recreates the automations of triggers and stamps schedules; everything else is the same."""
    before = everything(up)
    ids = automations(up)
    code, said = up.in_setup(SET_UP)
    assert code == 0, said
    after = everything(up)
    assert [kind for kind in before if before[kind] != after[kind]] == [], differences(before, after)
    changed = {name for name, number in automations(up).items() if ids[name] != number}
    assert changed == {"project-alpha-processing-after-ingestion", "project-alpha-analysis-after-processing"}


def test_up_keeps_the_environment_of_the_server(up):
    """It does not replace what `apply --env production` applied by `sample`; only `--switch` does."""
    code, said = up.in_setup("airnub apply --env production")
    assert code == 0, said
    up.compose("up", "--wait", "--no-build")
    production = environment(up)
    assert production["url"].startswith("https://")
    assert production["images"] == {"registry.example.org/airnub/project-alpha"}
    assert production["tagged"] == {False}
    assert "environment: production, which the server has" in setup_log(up)
    up.environment["AIRNUB_ENV"] = "sample"
    try:
        assert up.compose("up", "--wait", "--no-build", check=False).returncode != 0
    finally:
        del up.environment["AIRNUB_ENV"]
    assert "expected the environment of the server, production" in setup_log(up)
    assert environment(up) == production
    code, said = up.in_setup("airnub apply --env sample --switch")
    assert code == 0, said
    up.compose("up", "--wait", "--no-build")
    assert environment(up) == {
        "url": "http://site:8000/weather/new_york.csv", "images": {"airnub/project-alpha"}, "tagged": {True},
    }  # fmt: skip
    assert "sources: replaced by the environment sample" in setup_log(up)


def test_an_edit_is_there_after_the_same_command(up):
    """In image, deployment and run: the report has the output of the edited code."""
    flow = up.folder / "departments/project_alpha/src/project_alpha/flows/analysis.py"
    old, new = '"project-alpha-rain-report", written.text', '"project-alpha-rain-report", "edited " + written.text'
    before = flow.read_text()
    assert old in before
    try:
        flow.write_text(before.replace(old, new))
        up.compose("up", "--wait")
        up.completes(up.start("project-alpha-pipeline"))
        assert report(up).startswith("edited ")
    finally:
        # Other tests use the image of this name, too.
        flow.write_text(before)
        up.compose("up", "--wait")


def test_a_killed_worker_loses_no_run(up, slow):
    """Its container continues and reports itself; the next worker takes new runs."""
    up.compose("kill", "worker-project-alpha")
    assert up.state(slow)["type"] == "RUNNING"
    up.compose("up", "--wait", "--no-build")
    assert up.state(slow)["type"] == "RUNNING", "expected a run that takes longer than this"
    up.completes(slow)
    up.completes(up.start("project-alpha-pipeline"))


@pytest.mark.parametrize("service", ["server", "postgres"])
def test_a_restart_loses_no_run(up, slow, service):
    """During a run; everything else is as before."""
    before = everything(up)
    up.compose("restart", service)
    assert up.container_of(slow), "expected a run that takes longer than this"
    up.completes(slow)
    after = everything(up)
    assert [kind for kind in before if before[kind] != after[kind]] == [], differences(before, after)
    up.completes(up.start("project-alpha-pipeline"))


def test_a_run_can_be_cancelled(up, slow):
    """Its container is removed, and it is Cancelled."""
    up.prefect("flow-run", "cancel", slow)
    state = up.end_of(slow)
    assert (state["type"], state["name"]) == ("CANCELLED", "Cancelled")
    wait_for(lambda: not up.container_of(slow), "no container of a cancelled run")


def test_a_run_that_dies_with_its_worker_is_crashed(up, slow):
    """No process can report it, so the automation acts on missed heartbeats."""
    wait_for(lambda: heartbeats(up, slow), "a heartbeat")
    up.compose("kill", "worker-project-alpha")
    try:
        docker("kill", "--signal", "KILL", up.container_of(slow))
        state = up.end_of(slow, patience=200)
        assert state["type"] == "CRASHED"
        assert "heartbeat" in state["message"]
    finally:
        up.compose("up", "--wait", "--no-build")


def test_a_wrong_tag_is_reported(up):
    """The run reports the name of the image."""
    image = "airnub/project-alpha:nobody-built-this"
    state = up.end_of(up.start("project-alpha-analysis", job_variables={"image": image}))
    assert state["type"] == "CRASHED"
    assert "nobody-built-this" in state["message"]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("airnub compile", "expected a pool of infra/work-pools/, found 'nowhere'; valid are project-alpha"),
        ("prefect deploy --all --no-prompt", "references work pool 'nowhere'"),
    ],
)
def test_a_missing_pool_is_reported(up, command, expected):
    """Before anything is sent."""
    code, said = up.in_setup(f"""
        cp -r /workspace /tmp/w && cd /tmp/w
        sed -i 's/name: project-alpha$/name: nowhere/' prefect.yaml departments/project_alpha/prefect.yaml
        {command}""")
    assert code not in {0, None}
    assert expected in " ".join(said.split())


def test_missing_secrets_are_reported(up):
    """All of them, each with the name of its variable; nothing else is sent."""
    before = everything(up)
    blocks = "".join(
        f"cat >configs/blocks/{one}-token.yaml <<'END'\ntype: secret\nname: {one}-token\n"
        f'fields: {{value: "${{AIRNUB_SECRET_{one.upper()}_TOKEN}}"}}\nEND\n'
        for one in ("usgs", "noaa")
    )
    code, said = up.in_setup(f"""
cp -r /workspace /tmp/w && cd /tmp/w && mkdir -p configs/blocks
sed -i 's/^reports:.*/reports: elsewhere/' configs/variables/project_alpha/analysis.yaml
{blocks}
airnub apply --env sample""")
    assert code not in {0, None}
    assert {"AIRNUB_SECRET_USGS_TOKEN", "AIRNUB_SECRET_NOAA_TOKEN"} <= set(said.replace("'", " ").split()), said
    assert everything(up) == before


@pytest.fixture(scope="module")
def guarded(up):
    """From here on, the API has a password, by one setting."""
    up.environment["AIRNUB_AUTH"] = "operator:hunter2"
    up.compose("up", "--wait", "--no-build")
    return up


def test_without_the_password_the_server_refuses(guarded):
    """All parts of the system know it, runs too."""
    with pytest.raises(OSError, match="401"):
        guarded.post("/deployments/filter", {})
    done = guarded.prefect("deployment", "run", "project-alpha/project-alpha-pipeline", "--watch")
    assert "Flow run finished successfully in 'Completed'" in done.stdout
    for service in ("server", "setup", "worker-project-alpha"):
        assert "hunter2" not in guarded.compose("logs", service).stdout


@pytest.mark.parametrize("command", ["airnub apply --env sample", "prefect work-pool ls"])
def test_a_wrong_password_is_reported(guarded, command):
    """Our commands report it in one sentence; Prefect's may print more."""
    code, said = guarded.in_setup(f"PREFECT_API_AUTH_STRING=operator:wrong {command}")
    assert code not in {0, None}
    assert "401" in said
    assert command.startswith("prefect") or "Traceback" not in said


def test_down_leaves_nothing_behind(up):
    """Also while a run is in flight: the worker waits for it."""
    up.prefect("deployment", "run", "project-alpha/project-alpha-pipeline")
    wait_for(lambda: up.containers_of_runs(), "a container of a run")
    up.compose("down", "--volumes")
    assert up.leftovers() == []


def automations(system):
    """The id of each, by its name."""
    return {one["name"]: one["id"] for one in system.post("/automations/filter", {})}


def everything(system):
    """All that is deployed, as the server has it: by kind, then by name. Automations go without ids."""
    found = {
        kind: {one["name"]: without(one, STAMPS) for one in system.post(f"/{kind}/filter", {})}
        for kind in ("deployments", "work_pools", "variables", "automations", "flows")
    }
    return found | {"automations": without(found["automations"], {"id", "created"})}


def without(value, keys):
    """The same, less what such keys hold at any depth; words in order, for the server keeps those of events as sets."""
    if isinstance(value, list):
        return sorted(value) if all(isinstance(one, str) for one in value) else [without(one, keys) for one in value]
    if isinstance(value, dict):
        return {name: without(one, keys) for name, one in value.items() if name not in keys}
    return value


def differences(before, after, where=""):
    """Where two such things differ, one a line, for people."""
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = {name: (before.get(name), after.get(name)) for name in before.keys() | after.keys()}
        return "".join(differences(*pair, f"{where}/{name}") for name, pair in sorted(pairs.items()))
    return "" if before == after else f"\n{where}: {before} != {after}"


def environment(system):
    """What its Variables and deployments say of their environment."""
    name = "dept_project_alpha_ingestion_config"
    [settings] = [one["value"] for one in system.post("/variables/filter", {}) if one["name"] == name]
    deployments = system.post("/deployments/filter", {})
    return {
        "url": settings["scheduled_file_downloads"][0]["urls"][0],
        "images": {one["job_variables"]["image"].rpartition(":")[0] for one in deployments},
        "tagged": {"sources:sample" in one["tags"] for one in deployments},
    }


def setup_log(system):
    """What `setup` printed the last time."""
    return system.compose("logs", "--no-log-prefix", "setup").stdout


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

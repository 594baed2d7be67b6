"""The whole system from a checkout: after one command, every deployment runs to Completed, and its data exists."""

import json
import re
from collections import Counter

import pytest
import yaml
from docker_system import ROOT, docker, wait_for

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
STAGES = ("ingestion", "processing", "analysis")


def test_every_service_is_healthy_and_setup_has_ended_well(up):
    """After one command."""
    rows = [json.loads(line) for line in up.compose("ps", "--all", "--format", "json").stdout.splitlines()]
    assert {row["Service"] for row in rows} == {
        name for name, service in COMPOSE["services"].items() if "profiles" not in service
    }
    once = {name for name, service in COMPOSE["services"].items() if service.get("restart") == "no"}
    for row in rows:
        if row["Service"] in once:
            assert (row["State"], row["ExitCode"]) == ("exited", 0), row
        else:
            assert (row["State"], row["Health"]) == ("running", "healthy"), row


def test_every_deployment_is_ready(up):
    """A worker polls its pool."""
    found = wait_for(
        lambda: [one for one in up.post("/deployments/filter", {}) if one["status"] == "READY"], "a deployment READY"
    )
    wait_for(lambda: len(up.post("/work_pools/filter", {})) >= 1, "a pool")
    assert {one["name"] for one in up.post("/deployments/filter", {})} == {one["name"] for one in DEPLOYMENTS}
    assert {one["work_pool_name"] for one in found} <= {name.removeprefix("worker-") for name in COMPOSE["services"]}


def test_ports_are_on_loopback(up):
    """Only the server's port is published."""
    open_ports = docker("ps", "--filter", f"network={up.name}", "--format", "{{.Ports}}").stdout
    assert re.findall(r"(\S+):\d+->(\d+)/tcp", open_ports) == [("127.0.0.1", "4200")]


def test_the_ui_finds_the_api(up):
    """At the URL for browsers, not at the one for containers."""
    assert up.get("/ui-settings", up.ui)["api_url"].replace("localhost", "127.0.0.1") == up.url


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_in_a_container_of_its_department(up, stage):
    """`prefect deployment run --watch` ends with Completed, without internet.

    Events start the stages after the first ingestion; a later processing makes no new version, and starts nothing.
    """
    before = up.completed_by("AUTOMATION")
    done = up.prefect("deployment", "run", f"project-alpha-{stage}/project-alpha-{stage}", "--watch")
    assert "Flow run finished successfully in 'Completed'" in done.stdout
    expected = before + Counter(f"project-alpha-{one}" for one in STAGES[1:] if stage == "ingestion")
    wait_for(lambda: up.completed_by("AUTOMATION") == expected, f"of runs that triggers start, completed: {expected}")


def test_the_data_is_in_the_volume(up):
    """Objects are valid, and there is a report."""
    listed = json.loads(up.in_data("project-alpha", "store", "ls", "--store", "/data/data/project_alpha", "--json"))
    assert len(listed) >= 7
    up.in_data("project-alpha", "store", "verify", "--store", "/data/data/project_alpha")
    assert "report.md" in up.in_data("find", "/data/reports")


def test_containers_of_runs_do_not_pile_up(up):
    """They are removed when they end."""
    wait_for(lambda: not up.containers_of_runs(), "no container of a run")


def test_up_again_changes_nothing_that_runs(up):
    """Setup applies everything again; containers are the same."""
    before = up.compose("ps", "--quiet", "server", "postgres", "site").stdout
    up.compose("up", "--wait")
    assert up.compose("ps", "--quiet", "server", "postgres", "site").stdout == before
    assert {one["name"] for one in up.post("/deployments/filter", {})} == {one["name"] for one in DEPLOYMENTS}


def limits(*containers):
    """Limits of each container: processors, processes, bytes of memory."""
    form = "{{.HostConfig.CpuQuota}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.HostConfig.Memory}}"
    lines = docker("inspect", "--format", form, *containers).stdout.splitlines()
    rows = [[int(one) for one in line.split()] for line in lines]
    return [(quota / 100_000 + nano / 1e9, processes, memory) for quota, nano, processes, memory in rows]


def test_a_service_is_bounded(up):
    """By the engine, not only in the file."""
    for processors, processes, memory in limits(*up.compose("ps", "--all", "--quiet").stdout.split()):
        assert processors == 1
        assert 0 < processes <= 4096
        assert 0 < memory <= 2**30
    assert [one["concurrency_limit"] for one in up.post("/work_pools/filter", {})] == [4]


def test_a_killed_container_is_a_crashed_run(up):
    """Without further action, with the reason; the container had limits."""
    run = up.start("project-alpha-pipeline")
    killed = wait_for(lambda: up.container_of(run), run)
    assert limits(killed) == [(2, 1024, 2**31)]
    docker("kill", "--signal", "KILL", killed)
    state = up.end_of(run)
    assert state["type"] == "CRASHED"
    assert "137" in state["message"]


def test_a_worker_that_is_stopped_waits_for_its_runs(up):
    """The run completes, its container is removed, and the worker exits with 0."""
    run = up.start("project-alpha-pipeline")
    wait_for(lambda: up.container_of(run), run)
    up.compose("stop", "worker-project-alpha")
    assert up.get(f"/flow_runs/{run}")["state"]["type"] == "COMPLETED"
    [worker] = up.compose("ps", "--all", "--quiet", "worker-project-alpha").stdout.split()
    assert docker("inspect", "--format", "{{.State.ExitCode}}", worker).stdout.strip() == "0"
    up.compose("up", "--wait")


def test_the_worker_is_not_root(up):
    """It opens the socket only by its group, without capabilities."""
    status = up.compose("exec", "-T", "worker-project-alpha", "cat", "/proc/1/status").stdout
    assert re.search(r"Uid:\s+10001\s+10001\s+10001\s+10001", status)
    assert set(re.findall(r"Cap\w+:\s+(\w+)", status)) == {"0" * 16}

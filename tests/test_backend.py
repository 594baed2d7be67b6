"""The repository's configuration of the Prefect backend is valid in every environment and fits the departments."""

import asyncio
import json
import re
from pathlib import Path

import pytest
import yaml
from docker.types import HostConfig
from prefect_docker.worker import DockerWorkerJobConfiguration

from airnub_cli.apply.desired_state import read_desired_state
from airnub_cli.apply.variables import installed_department
from airnub_cli.configuration.pools import base_job_template

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = sorted({"local", *(path.stem for path in (ROOT / "configs" / "environments").glob("*.yaml"))})
DEPARTMENTS = [one["id"] for one in yaml.safe_load((ROOT / "configs" / "departments.yaml").read_text())["departments"]]


SITE = {"AIRNUB_SITE_URL": "http://site:8000"}


class Everything(dict):
    """A value for every placeholder, so that `.env` and the environment are not read."""

    def __contains__(self, name):
        return True

    def get(self, name, default=None):
        return "a-value" if default is None or default.startswith("${") else default


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_stage_has_a_variable_of_its_own(environment):
    """It has the name that its flow reads; each environment has its overrides."""
    wanted = read_desired_state(ROOT, environment, values=Everything())
    stages = [stage for name in DEPARTMENTS for stage in installed_department(name).stages]
    assert {one.name for one in wanted.variables} == {stage.load_settings().variable() for stage in stages}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_department_has_a_pool(environment):
    """It has the department's name with dashes, which its deployments use, on a laptop too."""
    expected = {name.replace("_", "-") for name in DEPARTMENTS}
    assert {one.name for one in read_desired_state(ROOT, environment, values=Everything()).pools} >= expected
    laptop = read_desired_state(ROOT, environment, values=Everything(), pool_type="process").pools
    assert {(one.name, one.type) for one in laptop} >= {(name, "process") for name in expected}


@pytest.mark.example
def test_workers_understand_the_pools(prefect_api):
    """Values that a worker makes from the template for a run: our defaults, overridden by a deployment."""
    [docker] = [pool for pool in read_desired_state(ROOT, "local", values={}).pools if pool.name == "project-alpha"]
    template = base_job_template("docker", docker.job_variables)
    variables = {"image": "airnub/project-alpha:local", "mem_limit": "2g"}
    job = asyncio.run(DockerWorkerJobConfiguration.from_template_and_values(template, variables))
    assert (job.image, job.mem_limit, job.networks, job.auto_remove) == (
        "airnub/project-alpha:local", "2g", ["airnub"], True
    )  # fmt: skip
    assert job.image_pull_policy == "IfNotPresent"
    assert job.volumes == ["airnub-data:/data"]
    assert job.env["PREFECT_API_URL"] == "http://server:4200/api"


def test_runs_are_bounded():
    """Each pool limits its runs, and each run has limits of memory, CPUs and processes in Docker's format."""
    for pool in read_desired_state(ROOT, "local", values={}).pools:
        assert (pool.concurrency_limit, pool.job_variables["mem_limit"]) == (4, "2g")
        host = HostConfig("1.41", **{**pool.job_variables["container_create_kwargs"], "log_config": None})
        assert (host["CpuQuota"], host["CpuPeriod"], host["PidsLimit"]) == (200_000, 100_000, 1024)


def pools_of_type(kind):
    """The pools of all departments as pools of a type, as `airnub apply --pools` makes them."""
    return read_desired_state(ROOT, "local", values=Everything(), pool_type=kind).pools


def test_a_run_has_the_same_memory_in_docker_and_kubernetes():
    """Docker's `2g` and Kubernetes' `2Gi` are both 2 GiB; a process has no limit of its own."""
    for docker, kubernetes, process in zip(*map(pools_of_type, ("docker", "kubernetes", "process")), strict=True):
        memory = HostConfig("1.41", mem_limit=docker.job_variables["mem_limit"])["Memory"]
        assert memory == int(kubernetes.job_variables["memory_limit"].removesuffix("Gi")) << 30
        assert set(process.job_variables) == {"env"}


@pytest.mark.example
def test_runs_have_the_same_prefect_settings_in_every_type_of_pool():
    """Such as the interval of heartbeats, on which automations depend. Only the server's URL is the worker's."""
    docker, kubernetes, process = (
        pools_of_type(kind)[0].job_variables["env"] for kind in ("docker", "kubernetes", "process")
    )
    assert {name: value for name, value in docker.items() if name != "PREFECT_API_URL"} == kubernetes
    assert process.items() <= kubernetes.items()


def test_local_needs_no_values():
    """A clean clone is applied without `.env`."""
    wanted = read_desired_state(ROOT, "local", values={})
    assert [pool.job_variables["networks"] for pool in wanted.pools] == [["airnub"]] * len(wanted.pools)


def test_local_replaces_no_sources():
    """Every Variable equals its file, in every environment except `sample`."""
    for name in ENVIRONMENTS:
        wanted = read_desired_state(ROOT, name, values=Everything())
        if name != "sample":
            assert wanted.replaced_sources == {}
    for one in read_desired_state(ROOT, "local", values={}).variables:
        department, stage = (tag.partition(":")[2] for tag in one.tags[1:3])
        text = (ROOT / "configs" / "variables" / department / f"{stage}.yaml").read_text()
        assert one.value == yaml.safe_load(text)


@pytest.mark.parametrize(("values", "site"), [({}, "http://127.0.0.1:8000/"), (SITE, "http://site:8000/")])
def test_sample_asks_the_sample_sites_and_nothing_else(values, site):
    """For every department with sources: at the URL of `project-alpha site`, or of Compose's site."""
    wanted = read_desired_state(ROOT, "sample", values=values)
    ingestions = [one for one in wanted.variables if "stage:ingestion" in one.tags]
    assert {one.tags[1].partition(":")[2] for one in ingestions} == set(wanted.replaced_sources)
    for one in ingestions:
        urls = re.findall(r"https?://[^\"]*", json.dumps(one.value))
        assert urls
        assert [url for url in urls if not url.startswith(site)] == []
    assert wanted.pools == read_desired_state(ROOT, "local", values={}).pools


@pytest.mark.example
def test_every_pool_beats_as_often_as_automations_wait():
    """30 seconds in every pool type with a file; three missed heartbeats mark a run as Crashed."""
    for kind in ("docker", "process"):
        assert {pool.heartbeat for pool in read_desired_state(ROOT, "local", values={}, pool_type=kind).pools} == {30}

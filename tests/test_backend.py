"""What this repository says of the Prefect backend: it can be read in every environment, and fits the departments."""

import asyncio
from pathlib import Path

import pytest
import yaml
from prefect_docker.worker import DockerWorkerJobConfiguration

from airnub_cli.backend.applying import read_wanted
from airnub_cli.backend.variables import installed_department
from airnub_cli.configuration.templates import base_job_template

ROOT = Path(__file__).parents[1]
ENVIRONMENTS = sorted({"local", *(path.stem for path in (ROOT / "configs" / "environments").glob("*.yaml"))})
DEPARTMENTS = [one["id"] for one in yaml.safe_load((ROOT / "configs" / "departments.yaml").read_text())["departments"]]


class Everything(dict):
    """A value for every placeholder: `.env` and the environment are not ours here."""

    def __contains__(self, name):
        return True

    def get(self, name, default=None):
        return "a-value" if default is None or default.startswith("${") else default


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_stage_has_a_variable_of_its_own(environment):
    """Under the name that its flow looks for; in each environment, with what is different there."""
    wanted = read_wanted(ROOT, environment, values=Everything())
    stages = [stage for name in DEPARTMENTS for stage in installed_department(name).stages]
    assert {one.name for one in wanted.variables} == {stage.load_settings().variable() for stage in stages}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_department_has_a_pool(environment):
    """By its name with dashes, which its deployments ask for, on a laptop too."""
    expected = {name.replace("_", "-") for name in DEPARTMENTS}
    assert {one.name for one in read_wanted(ROOT, environment, values=Everything()).pools} >= expected
    laptop = read_wanted(ROOT, environment, values=Everything(), pool_type="process").pools
    assert {(one.name, one.type) for one in laptop} >= {(name, "process") for name in expected}


def test_workers_understand_the_pools(prefect_api):
    """What a worker makes of the template for a run: our defaults, and a deployment's own over them."""
    [docker] = [pool for pool in read_wanted(ROOT, "local", values={}).pools if pool.name == "project-alpha"]
    template = base_job_template("docker", docker.job_variables)
    variables = {"image": "airnub/project-alpha:local", "mem_limit": "2g"}
    job = asyncio.run(DockerWorkerJobConfiguration.from_template_and_values(template, variables))
    assert (job.image, job.mem_limit, job.networks, job.auto_remove) == (
        "airnub/project-alpha:local", "2g", ["airnub"], True
    )  # fmt: skip
    assert job.image_pull_policy == "IfNotPresent"
    assert job.volumes == ["airnub-data:/data"]
    assert job.env["PREFECT_API_URL"] == "http://server:4200/api"


def test_local_needs_no_values():
    """A clean clone is applied without `.env`."""
    wanted = read_wanted(ROOT, "local", values={})
    assert [pool.job_variables["networks"] for pool in wanted.pools] == [["airnub"]] * len(wanted.pools)


def test_every_pool_beats_as_often_as_automations_wait():
    """30 seconds, in every type that has a file: 3 of them are a death."""
    for kind in ("docker", "process"):
        assert {pool.heartbeat for pool in read_wanted(ROOT, "local", values={}, pool_type=kind).pools} == {30}

"""Compilation."""

import pytest
import yaml

from airnub_cli.compile.compilation import compile_environment
from airnub_prefect.errors import ConfigurationError

DIGEST = "0123456789abcdef" * 4


def digest(department):
    """As `airnub images` would say it."""
    assert department == "department_for_deploying"
    return f"sha256:{DIGEST}"


def compiled(house, name="local", **options):
    """The deployments of an environment."""
    return yaml.safe_load(compile_environment(house.workspace, name, digest=digest, **options))["deployments"]


def test_the_local_file_is_what_departments_wrote(house):
    """Every key of theirs and no other, with what they left to the top of their file written out."""
    written = yaml.safe_load(house.deployments.read_text())
    assert compiled(house) == [one | {"pull": []} for one in written["deployments"]]


def test_the_same_inputs_make_the_same_text(house):
    """And it says that it is made, and how."""
    text = compile_environment(house.workspace)
    assert text == compile_environment(house.workspace)
    assert text.startswith("# Made by `uv run airnub compile` from ")
    assert "&" not in text


def test_elsewhere_images_are_named_by_their_content(house):
    """The tag is the digest, and so is the version of the deployment."""
    for deployment in compiled(house, "far"):
        image = deployment["work_pool"]["job_variables"]["image"]
        assert image == f"registry.example.org/house/department-for-deploying:{DIGEST}"
        assert deployment["version"] == DIGEST


def test_processes_have_no_image(house):
    """Whose code is installed where the worker is pulls nothing, and knows nothing of what containers have."""
    house.change("image: ", "mem_limit: 1g, image: ")
    house.change("pull: []", "pull: [{prefect.deployments.steps.set_working_directory: {directory: /}}]")
    for deployment in compiled(house, kind="process"):
        assert deployment["work_pool"] == {"name": "pool-one"}
        assert deployment["pull"] == []
        assert "version" not in deployment


def test_the_type_of_a_pool_is_said_by_its_file(house):
    """Where neither the caller nor the environment says one of all: as `airnub apply` makes it."""
    house.change("type: docker", "type: process", "infra/work-pools/pool-one.yaml")
    assert {"image"} not in [set(one["work_pool"].get("job_variables", {})) for one in compiled(house)]
    assert [one["work_pool"]["name"] for one in compiled(house)] == ["pool-one", "pool-one"]
    house.write("configs/environments/local.yaml", "description: Here.\nkind: docker\n")
    assert all("image" in one["work_pool"]["job_variables"] for one in compiled(house))


def test_the_type_is_that_of_the_pool_that_an_environment_has_instead(house):
    """Its workers are those that must understand the job variables."""
    house.write("infra/work-pools/pool-two.yaml", "name: pool-two\ntype: process\n")
    house.change("registry:", "pools: {pool-one: {name: pool-two}}\nregistry:", "configs/environments/far.yaml")
    assert all("version" not in one and one["pull"] == [] for one in compiled(house, "far"))


def test_local_needs_no_file(house):
    """As for `airnub apply`."""
    before = compiled(house)
    (house.root / "configs" / "environments" / "local.yaml").unlink()
    assert compiled(house) == before


def test_what_an_environment_has_otherwise(house):
    """Schedules, limits, pools and job variables are laid over; what is not named stays."""
    house.write(
        "configs/environments/far.yaml",
        "description: There.\nregistry: example.org:5000/h\n"
        "schedules: {department-for-deploying-first/daily: true}\n"
        "limits: {department-for-deploying-first: 7, department-for-deploying-second: 1}\n"
        "pools: {pool-one: {name: pool-two, job_variables: {mem_limit: 2g}}}\n",
    )
    first, second = compiled(house, "far")
    assert [schedule["active"] for schedule in first["schedules"]] == [True, True]
    assert first["concurrency_limit"] == {"limit": 7, "collision_strategy": "ENQUEUE"}
    assert second["concurrency_limit"] == {"limit": 1}
    assert first["work_pool"]["name"] == "pool-two"
    assert first["work_pool"]["job_variables"]["mem_limit"] == "2g"
    assert first["work_pool"]["job_variables"]["image"].startswith("example.org:5000/h/")


@pytest.mark.parametrize("active", [True, False])
def test_all_schedules_on_or_off(house, active):
    """By one word."""
    house.change("registry:", f"schedules: {str(active).lower()}\nregistry:", "configs/environments/far.yaml")
    [first, _] = compiled(house, "far")
    assert [schedule["active"] for schedule in first["schedules"]] == [active, active]


def test_a_pool_of_another_environment_is_refused(house):
    """Nothing applies it there."""
    house.write("infra/work-pools/pool-one.yaml", "name: pool-one\ntype: docker\nenvironments: [far]\n")
    compiled(house, "far")
    with pytest.raises(ConfigurationError, match="expected a pool of this environment, found 'pool-one' of far"):
        compiled(house)


def test_placeholders_of_an_environment_are_looked_at(house):
    """What an overlay brings in is deployed like the rest."""
    house.change("registry:", "pools: {pool-one: {job_variables: {mem_limit: '{{ $NOT_SET }}'}}}\nregistry:",
                 "configs/environments/far.yaml")  # fmt: skip
    with pytest.raises(
        ConfigurationError, match=r"job_variables.mem_limit: expected a value for .* NOT_SET is not set"
    ):
        compiled(house, "far")


def test_placeholders_are_guarded_when_they_are_deployed(house, monkeypatch):
    """What was set when the file was made may not be set then; the step comes before the first deployment."""
    monkeypatch.setenv("AIRNUB_TEST_MEMORY", "2g")
    house.change("registry:", "pools: {pool-one: {job_variables: {mem_limit: '{{ $AIRNUB_TEST_MEMORY }}'}}}\nregistry:",
                 "configs/environments/far.yaml")  # fmt: skip
    value = yaml.safe_load(compile_environment(house.workspace, "far", digest=digest))
    assert value["build"] == [{"airnub_prefect.steps.require_environment": {"names": ["AIRNUB_TEST_MEMORY"]}}]
    assert "build" not in yaml.safe_load(compile_environment(house.workspace))


def test_retired_departments_are_not_deployed(house):
    """Their file stays checked."""
    house.change("status: active", "status: retired", "configs/departments.yaml")
    assert compiled(house) == []
    house.change("description: The", "descripton: The")
    with pytest.raises(ConfigurationError, match="descripton"):
        compiled(house)


def test_a_wrong_digest_is_no_tag(house):
    """An image that Docker would refuse is not named."""
    with pytest.raises(ConfigurationError, match="expected a digest that can be a tag of an image, found ''"):
        compile_environment(house.workspace, "far", digest=lambda _: "")


def test_a_tag_says_which_environment_replaces_sources(house):
    """Of every deployment of the department, in that environment alone; what is in `local` is in what extends it."""
    house.write("infra/work-pools/pool-one.yaml", "name: pool-one\ntype: docker\nenvironments: [local, far]\n")
    house.write(
        "configs/environments/sample.yaml",
        "description: x\nextends: local\nvariables:\n  department_for_deploying:\n    first: {files: [{name: a}]}\n",
    )
    tagged = {name: [one["tags"] for one in compiled(house, name)] for name in ("local", "sample")}
    assert "sources:sample" not in str(tagged["local"])
    first, second = tagged["sample"]
    assert first == [*tagged["local"][0][:4], "sources:sample", "nightly"]
    assert second == [*tagged["local"][1], "sources:sample"]

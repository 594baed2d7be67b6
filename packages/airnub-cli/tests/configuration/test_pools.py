"""Work pool files, and base job templates."""

from datetime import date

import pytest

from airnub_cli.configuration.environment import EnvironmentFile
from airnub_cli.configuration.pools import (
    PoolFile,
    base_job_template,
    job_variables,
    pool_files,
    read_pool_files,
    type_of,
    wrong_defaults,
    wrong_manifest,
)


@pytest.mark.parametrize("kind", ["docker", "process", "kubernetes"])
def test_defaults_are_set_in_a_copy_of_the_template(kind):
    """The worker's own template is unchanged for the next pool."""
    plain = base_job_template(kind, {})
    made = base_job_template(kind, {"env": {"A": "b"}})
    assert made["variables"]["properties"]["env"]["default"] == {"A": "b"}
    assert "default" not in plain["variables"]["properties"]["env"]
    assert base_job_template(kind, {}) == plain
    assert made["job_configuration"] == plain["job_configuration"]


def test_job_variables_that_a_worker_rejects():
    """Unknown ones and values of the wrong type, each with its place."""
    wrong = dict(
        wrong_defaults(
            "docker",
            {
                "mem_limt": "1g",
                "networks": "airnub",
                "env": {"A": 30},
                "auto_remove": True,
                "image_pull_policy": "Never",
            },
        )
    )
    assert wrong[("mem_limt",)] == "unknown job variable 'mem_limt' of a docker pool; did you mean 'mem_limit'?"
    assert wrong[("networks",)] == "networks: expected a list, found 'airnub'"
    assert "found 30; put it in quotes" in wrong["env", "A"]
    assert len(wrong) == 3


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"auto_remove": None}, "auto_remove: expected true or false, found null; without the key the default holds"),
        ({"networks": None}, "networks: expected a list, found null; without the key the default holds"),
        ({"networks": 30}, "networks: expected a list, found 30"),
        ({"auto_remove": 30}, "auto_remove: expected true or false, found 30"),
        ({"mem_limit": 30}, "mem_limit: expected text, found 30; put it in quotes"),
        ({"env": {"DEBUG": True}}, "env.DEBUG: expected text, found true; put it in quotes"),
        ({"labels": {"day": date(2026, 1, 1)}}, 'labels.day: expected text, found "2026-01-01"; put it in quotes'),
        ({"container_create_kwargs": [1]}, "container_create_kwargs: expected a mapping, found a list"),
        (
            {"image_pull_policy": "Sometimes"},
            "image_pull_policy: expected IfNotPresent or Always or IfPossible or Never, found 'Sometimes'",
        ),
    ],
)
def test_messages_have_the_expected_type_and_the_fix(variables, message):
    """Quotes are suggested only if they would make it valid."""
    assert [said for _, said in wrong_defaults("docker", variables)] == [message]


def test_each_type_has_its_own_job_variables():
    """A process has no memory limit."""
    assert list(wrong_defaults("docker", {"mem_limit": "1g"})) == []
    assert [place for place, _ in wrong_defaults("process", {"mem_limit": "1g"})] == [("mem_limit",)]
    assert {"mem_limit", "image", "env"} <= set(job_variables("docker"))
    assert {"mem_limit", "image", "env"} & set(job_variables("process")) == {"env"}


def test_a_manifest_is_merged_over_the_workers():
    """Required values are kept; a list is replaced, only for this pool."""
    plain = base_job_template("kubernetes", {})["job_configuration"]["job_manifest"]
    more = {"spec": {"template": {"spec": {"hostNetwork": False, "containers": [{"name": "prefect-job"}]}}}}
    made = base_job_template("kubernetes", {}, more)["job_configuration"]["job_manifest"]
    assert made["metadata"] == plain["metadata"]
    pod = made["spec"]["template"]["spec"]
    assert (pod["restartPolicy"], pod["hostNetwork"], pod["containers"]) == ("Never", False, [{"name": "prefect-job"}])
    assert base_job_template("kubernetes", {})["job_configuration"]["job_manifest"] == plain


def test_an_invalid_manifest():
    """A placeholder for an unknown job variable; a manifest of a type without jobs."""
    manifest = {"spec": {"containers": [{"image": "{{ image }}", "args": "{{ comand }}"}, {"name": "a"}], "b": 1}}
    [(place, message)] = wrong_manifest("kubernetes", manifest)
    assert place == ("spec", "containers", 0, "args")
    assert message == ("expected a job variable of a kubernetes pool in {{ }}, found 'comand'; did you mean 'command'?")
    assert list(wrong_manifest("process", {"spec": {}})) == [((), "expected no job_manifest: a process pool has none")]


@pytest.mark.parametrize("right", ["1", "0.5", "500m", "128974848", "123Mi", "2Gi", "1.5G"])
def test_valid_quantities_of_kubernetes(right):
    """Of processors and of bytes."""
    assert list(wrong_defaults("kubernetes", {"cpu_limit": right, "memory_request": right})) == []


@pytest.mark.parametrize("wrong", ["2g", "512m b", "1 Gi", "2GiB", "", "two"])
def test_invalid_quantities_of_kubernetes(wrong):
    """Mostly those of Docker, such as `2g`."""
    [(place, message)] = wrong_defaults("kubernetes", {"memory_limit": wrong})
    assert place == ("memory_limit",)
    assert message == f"memory_limit: expected a quantity of Kubernetes such as 500m or 2Gi, found {wrong!r}"


@pytest.fixture
def pool(tmp_path):
    """Write a pool's file."""
    folder = tmp_path / "infra" / "work-pools"
    folder.mkdir(parents=True)
    return lambda name, text: (folder / f"{name}.yaml").write_text(text)


def test_pools_are_files(tmp_path, pool):
    """By name; none without a folder, and none for shared files."""
    for name in ("_docker", "one", "two"):
        pool(name, "job_variables: {}\n")
    assert list(pool_files(tmp_path)) == ["one", "two"]
    assert pool_files(tmp_path / "infra") == {}


def test_valid_pools_are_returned_with_the_mistakes_of_others(tmp_path, pool):
    """All mistakes of all files, with their lines."""
    pool("broken", "name: [\n")
    pool("one", "name: one\ntype: docker\n")
    pool("two", "name: two\ntype: dcoker\nqueue: []\n")
    pools, mistakes = read_pool_files(tmp_path)
    assert list(pools) == ["one"]
    assert sorted((mistake.where.rpartition("/")[2], mistake.line) for mistake in mistakes) == [
        ("broken.yaml", 2), ("two.yaml", 2), ("two.yaml", 3)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "environment", "expected"),
    [("process", "kubernetes", "process"), (None, "kubernetes", "kubernetes"), (None, None, "docker")],
)
def test_the_type_of_a_pool(asked, environment, expected):
    """The requested one, else the environment's, else that in its own file."""
    pool = PoolFile(name="one", type="docker")
    assert type_of(pool, EnvironmentFile(description="x", kind=environment), asked) == expected
    assert type_of(pool, None, asked) == (asked or "docker")

"""Work pools as their files say them."""

import pytest

from airnub_cli.configuration.environment import EnvironmentFile
from airnub_cli.configuration.pools import PoolFile, pool_files, read_pool_files, type_of


@pytest.fixture
def pool(tmp_path):
    """Write a pool's file."""
    folder = tmp_path / "infra" / "work-pools"
    folder.mkdir(parents=True)
    return lambda name, text: (folder / f"{name}.yaml").write_text(text)


def test_pools_are_files(tmp_path, pool):
    """By name; none where there is no folder, and none for what several have in common."""
    for name in ("_docker", "one", "two"):
        pool(name, "job_variables: {}\n")
    assert list(pool_files(tmp_path)) == ["one", "two"]
    assert pool_files(tmp_path / "infra") == {}


def test_mistakes_are_told_beside_what_is_right(tmp_path, pool):
    """Of every file, with their lines."""
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
def test_of_which_type_it_is(asked, environment, expected):
    """As asked for, else as the environment says, else as its own file says."""
    pool = PoolFile(name="one", type="docker")
    assert type_of(pool, EnvironmentFile(description="x", kind=environment), asked) == expected
    assert type_of(pool, None, asked) == (asked or "docker")

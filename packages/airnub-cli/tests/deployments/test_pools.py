"""Work pools."""

from airnub_cli.configuration.pools import pool_files


def test_pools_are_files(house):
    """By name; none where there is no folder, and none for what several have in common."""
    house.write("infra/work-pools/_docker.yaml", "job_variables: {}\n")
    assert set(pool_files(house.root)) == {"pool-one", "pool-two"}
    assert pool_files(house.root / "configs") == {}

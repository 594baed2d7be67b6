"""Placement: where a member must be named besides."""

from airnub_cli.check.placement import check_compose, check_placement

COMPOSE = """\
services:
  server: {image: x}
  alpha-dept: {image: x}
  worker-alpha-dept: {image: x}
  beta-dept: {image: x}
  worker-beta-dept: {image: x}
"""


def test_a_good_house(house):
    """Everybody is placed; tools that are not used ask for nothing, and without Compose nobody is missed there."""
    assert house.told(check_placement(house.workspace)) == []
    assert house.told(check_compose(house.workspace)) == []
    house.write("docker-compose.yml", COMPOSE)
    assert house.told(check_compose(house.workspace)) == []


def test_a_member_that_nobody_placed_and_one_that_is_gone(house):
    """Each place, with its line."""
    house.change("pyproject.toml", '"alpha_dept", "beta_dept"]', '"beta_dept", "gone"]')
    house.change("pyproject.toml", "alpha_dept | beta_dept", "beta_dept")
    house.change("pyproject.toml", "alpha-dept = { workspace = true }\n", "")
    assert house.told(check_placement(house.workspace)) == [
        "pyproject.toml:11: expected 'alpha_dept' in root_packages of tool.importlinter, found it missing",
        "pyproject.toml:11: expected members of the workspace in root_packages of tool.importlinter, found 'gone'",
        "pyproject.toml:17: expected 'alpha_dept' in layers of the import contract `layers`, found it missing",
        "pyproject.toml:7: expected 'alpha-dept' in sources of tool.uv.sources, found it missing",
    ]


def test_departments_that_compose_does_not_know(house):
    """And workers of departments that are none."""
    house.write("docker-compose.yml", COMPOSE.replace("  beta-dept", "  delta").replace("worker-alpha", "worker-gamma"))
    assert house.told(check_compose(house.workspace)) == [
        "docker-compose.yml:1: expected a service beta-dept, which builds its image (beta_dept); found none",
        "docker-compose.yml:1: expected a service worker-alpha-dept, which runs its flows (alpha_dept); found none",
        "docker-compose.yml:4: expected workers of active departments, found worker-gamma-dept; "
        "there are alpha-dept, beta-dept",
    ]
    house.change("configs/departments.yaml", "status: active", "status: retired")
    assert (
        "expected workers of active departments, found worker-gamma-dept"
        in house.told(check_compose(house.workspace))[-1]
    )


def test_files_that_cannot_be_read(house):
    """A broken Compose file is told; a broken registry is told with the deployments."""
    house.write("docker-compose.yml", "services: [\n")
    assert "broken YAML" in house.told(check_compose(house.workspace))[0]
    house.write("docker-compose.yml", COMPOSE)
    house.write("configs/departments.yaml", "x: [\n")
    assert house.told(check_compose(house.workspace)) == []

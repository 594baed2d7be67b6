"""Removal of a department; the whole is tested on a copy of the repository (tests/test_departments.py)."""

import pytest

from airnub_cli.remove.removal import planned_removal
from airnub_cli.workspace import Workspace, WorkspaceError


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nobody", "expected a member of the workspace"),
        ("airnub-core", "expected a department other than the template"),
        ("_template", "expected a department other than the template"),
        pytest.param("project_alpha", "pyproject.toml has project-alpha among dependencies", marks=pytest.mark.example),
    ],
)
def test_a_needed_department_is_not_removed(house, name, reason):
    """All reasons are reported at once."""
    with pytest.raises(WorkspaceError) as error:
        planned_removal(house, name)
    assert reason in str(error.value)


@pytest.mark.example
def test_a_service_that_runs_its_image_needs_it(house):
    """A service other than its own; the message names it."""
    compose = house.root / "docker-compose.yml"
    compose.write_text(
        compose.read_text().replace("  site:\n", "  shown:\n    image: airnub/project-alpha:local\n  site:\n")
    )
    with pytest.raises(WorkspaceError, match="the service shown runs its image; use a different image"):
        planned_removal(house, "project_alpha")


@pytest.mark.example
def test_the_plan_lists_everything(house):
    """Folders, the pool if no other member uses it, and names of objects on the server."""
    folder = house.root / "departments" / "zoo"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "zoo"\nversion = "0"\n')
    (folder / "prefect.yaml").write_text("deployments: [{name: zoo-ingestion, work_pool: {name: zoo}}]\n")
    (house.root / "configs/variables/zoo").mkdir()
    (house.root / "configs/variables/zoo/ingestion.yaml").write_text("store: x\n")
    (house.root / "infra/work-pools/zoo.yaml").write_text("name: zoo\n")
    workspace = Workspace.around(house.root)
    removal = planned_removal(workspace, "zoo")
    assert removal.folders == ("departments/zoo", "configs/variables/zoo")
    assert (removal.files, removal.deployments, removal.stages) == (
        ("infra/work-pools/zoo.yaml",), ("zoo-ingestion",), ("ingestion",),
    )  # fmt: skip
    other = house.root / "departments/project_alpha/prefect.yaml"
    other.write_text(other.read_text() + "  # work_pool: {name: zoo, x: 1}\n")
    assert planned_removal(workspace, "zoo").files == ()


@pytest.mark.example
def test_a_department_with_readers_is_not_removed(house):
    """Each reader is named, with the line."""
    reads = house.root / "departments" / "_template" / "reads.yaml"
    reads.write_text("reads:\n  - contract: project_alpha/noaa_daily_weather\n    version: 1\n")
    with pytest.raises(WorkspaceError) as error:
        planned_removal(house, "project_alpha")
    assert (
        "departments/_template/reads.yaml:2: _template reads project_alpha/noaa_daily_weather v1; remove the entry"
    ) in str(error.value)

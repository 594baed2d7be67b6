"""Categories; adding one is tested on a whole copy of the repository (tests/test_departments.py)."""

import pytest

from airnub_cli.new.category import add_category
from airnub_cli.workspace import WorkspaceError


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("nobody", "ingestion", "x"), "expected a member of the workspace"),
        (("airnub-core", "ingestion", "x"), "expected a department"),
        (("_template", "ingestion", "x"), "expected a department other than the template"),
        pytest.param(("project_alpha", "ingestion", "a-b"), "; a_b is valid", marks=pytest.mark.example),
        pytest.param(
            ("project_alpha", "processing", "x"), "expected a stage with categories", marks=pytest.mark.example
        ),
        pytest.param(
            ("project_alpha", "ingestion", "x", "files"),
            "--like: expected one of public_api_data, ",
            marks=pytest.mark.example,
        ),
    ],
)
def test_invalid_arguments_are_refused(house, arguments, reason):
    """Before anything is written."""
    with pytest.raises(WorkspaceError) as error:
        add_category(house, *arguments)
    assert reason in str(error.value)


@pytest.mark.example
@pytest.mark.parametrize("name", ["public_api_data", "taken"])
def test_a_category_is_new(house, name):
    """Neither a module nor a key of the settings has its name."""
    source = house.root / "departments/project_alpha/src/project_alpha"
    (source / "flows/ingestion").mkdir(parents=True)
    (source / "flows/ingestion/stage.py").write_text("")
    (source / "flows/ingestion/public_api_data.py").write_text("")
    (source / "settings.py").write_text("class A:\n    taken: int = 1\n")
    with pytest.raises(WorkspaceError, match="expected a new category"):
        add_category(house, "project_alpha", "ingestion", name)


@pytest.mark.example
def test_a_rewritten_stage_needs_manual_lines(house):
    """The error has the lines to add."""
    source = house.root / "departments/project_alpha/src/project_alpha"
    (source / "flows/ingestion").mkdir(parents=True)
    (source / "flows/ingestion/stage.py").write_text("import json\n")
    (source / "settings.py").write_text("")
    with pytest.raises(WorkspaceError) as error:
        add_category(house, "project_alpha", "ingestion", "stations")
    assert "from project_alpha.flows.ingestion.stations import stations" in str(error.value)
    assert "    report += await stations(settings.category(settings.stations), force)" in str(error.value)
    assert not (source / "flows/ingestion/stations.py").exists()

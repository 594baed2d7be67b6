"""Inputs: every change of what a look goes by is another digest."""

import pytest

from airnub_cli.check.inputs import of_backend, of_imports


@pytest.mark.parametrize(
    "path",
    [
        "pyproject.toml",
        "packages/shared-things/pyproject.toml",
        "packages/shared-things/src/shared_things/new.py",
        "departments/alpha_dept/src/alpha_dept/settings.py",
    ],
)
def test_imports_go_by_sources_and_projects(house, path):
    """And by nothing of the backend's files."""
    before = of_imports(house.workspace)
    house.write("configs/variables/alpha_dept/ingestion.yaml", "days: 7\n")
    assert of_imports(house.workspace) == before
    file = house.root / path
    house.write(path, (file.read_text() if file.is_file() else "") + "# changed\n")
    assert of_imports(house.workspace) != before


@pytest.mark.parametrize(
    "path",
    [
        "configs/variables/alpha_dept/ingestion.yaml",
        "configs/blocks/new.yaml",
        "configs/environments/local.yaml",
        "infra/work-pools/alpha-dept.yaml",
        "departments/alpha_dept/src/alpha_dept/settings.py",
        "packages/shared-things/src/shared_things/__init__.py",
    ],
)
def test_the_backend_goes_by_its_files_and_settings(house, path):
    """And by nothing that is written beside."""
    before = of_backend(house.workspace)
    house.write("docs/new.md", "x")
    assert of_backend(house.workspace) == before
    file = house.root / path
    house.write(path, (file.read_text() if file.is_file() else "") + "# changed\n")
    assert of_backend(house.workspace) != before


def test_the_backend_goes_by_secrets_of_the_environment(house):
    """A secret in `.env` needs no block, and no placeholder that names it."""
    before = of_backend(house.workspace)
    house.write(".env", "AIRNUB_SECRET_TOKEN=x\n")
    assert of_backend(house.workspace) != before


def test_the_backend_goes_by_what_fills_placeholders(house, monkeypatch):
    """By those that are written, and no others."""
    house.write("configs/variables/alpha_dept/ingestion.yaml", "days: ${HOW_MANY:-2}\n")
    before = of_backend(house.workspace)
    monkeypatch.setenv("SOMETHING", "1")
    assert of_backend(house.workspace) == before
    house.write(".env", "HOW_MANY=4\n")
    written = of_backend(house.workspace)
    monkeypatch.setenv("HOW_MANY", "5")
    assert len({before, written, of_backend(house.workspace)}) == 3

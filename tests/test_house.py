"""The house as a whole: every member is complete, placed in the import contracts, and locked."""

import re
import subprocess
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from airnub_prefect.validation import load_yaml

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MEMBERS = sorted(
    path.parent for folder in ("packages", "departments") for path in (ROOT / folder).glob("*/pyproject.toml")
)
MODULES = {member: next(path.parent.name for path in member.glob("src/*/__init__.py")) for member in MEMBERS}


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_a_member_is_a_real_package(member):
    """Each has a README, typed sources, tests, and says what it is."""
    project = tomllib.loads((member / "pyproject.toml").read_text())["project"]
    assert project["name"].replace("-", "_") == MODULES[member]
    assert project["requires-python"] == PYPROJECT["project"]["requires-python"]
    assert (member / "src" / MODULES[member] / "py.typed").is_file()
    assert len((member / "README.md").read_text()) > 200
    assert list((member / "tests").rglob("test_*.py"))


def test_import_contracts_place_every_member():
    """A member that nobody placed fails: the contracts would not look at it."""
    linter = PYPROJECT["tool"]["importlinter"]
    placed = {name.strip() for layer in linter["contracts"][0]["layers"] for name in layer.split("|")}
    assert set(linter["root_packages"]) == placed == set(MODULES.values())


def test_import_contracts_look_inside_every_department():
    """The order inside a department is checked for each."""
    [contract] = [one for one in PYPROJECT["tool"]["importlinter"]["contracts"] if one["id"] == "departments"]
    assert set(contract["containers"]) == {MODULES[member] for member in MEMBERS if member.parent.name == "departments"}


def test_every_member_is_named_where_tools_look():
    """Sources of the workspace, types and coverage know each member."""
    tool = PYPROJECT["tool"]
    for member, module in MODULES.items():
        assert module.replace("_", "-") in tool["uv"]["sources"]
        assert f"{member.relative_to(ROOT).as_posix()}/src" in tool["mypy"]["mypy_path"]
        assert module in tool["coverage"]["run"]["source_pkgs"]


def test_every_stage_of_a_department_has_its_settings():
    """In a checkout, a stage runs without a Prefect Variable."""
    for member, module in MODULES.items():
        if member.parent.name == "departments" and member.name != "_template":
            stages = import_module(f"{module}.department").DEPARTMENT.stages
            folder = ROOT / "configs" / "variables" / module
            assert {path.stem for path in folder.glob("*.yaml")} == {stage.name for stage in stages}
            for stage in stages:
                load_yaml(stage.load_settings(), folder / f"{stage.name}.yaml")


def test_departments_are_registered():
    """Every department but the template is in the registry, with an owner."""
    registry = yaml.safe_load((ROOT / "configs" / "departments.yaml").read_text())["departments"]
    folders = {member.name for member in MEMBERS if member.parent.name == "departments"} - {"_template"}
    assert {entry["id"] for entry in registry} == folders
    assert all(entry["owner"] and entry["contacts"] for entry in registry)


def test_the_repository_names_no_place_outside_of_it():
    """No file but the lock names a package registry or a folder of somebody's machine."""
    # Written so that this line is not one of them.
    forbidden = r"(pypi\.or[g]|pythonhosted\.or[g]|(^|[^A-Za-z0-9_.])/(root|home|Users)[/])"
    command = ["git", "grep", "-nIE", forbidden, "--", ".", ":!uv.lock"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode == 128:
        pytest.skip("not a git checkout")
    # The home of the user in our images is a place of ours.
    lines = [line for line in found.stdout.splitlines() if re.search(forbidden, line.replace("/home/airnub", ""))]
    assert lines == []

"""A generated workspace of several departments: installing one department installs no dependency of the others."""

import os
import subprocess

import pytest

from airnub_cli.check.runner import check_everything
from airnub_cli.lock import load_lock
from airnub_cli.workspace import normalized
from benchmarks.workspaces import make

INSTALLED = (
    "import importlib.metadata as m; print(*sorted(d.name.lower().replace('_', '-') for d in m.distributions()))"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Six departments on four shared packages."""
    return make(tmp_path_factory.mktemp("generated") / "workspace", 6, tests=False)


@pytest.mark.system
def test_one_department_installs_no_other(made, tmp_path):
    """`uv run --package` of one, in a fresh environment, installs exactly its slice of the lock."""
    name = "team-003"
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    environment["UV_PROJECT_ENVIRONMENT"] = str(tmp_path / "environment")
    command = ["uv", "run", "--quiet", "--frozen", "--no-dev", "--package", name, "python", "-c", INSTALLED]
    done = subprocess.run(command, cwd=made.root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    installed = set(map(normalized, done.stdout.split()))
    slice_ = load_lock((made.root / "uv.lock").read_text()).slice(name)
    members = {folder.rpartition("/")[2].replace("_", "-") for folder in slice_.members}
    others = {folder.rpartition("/")[2].replace("_", "-") for folder in (*made.departments, *made.upper, *made.lower)}
    assert name in members
    assert others & installed == others & members
    assert {one for one in installed if one.startswith(("team-", "project-", "department-"))} == {name}
    locked = {line.partition(" ")[0].partition("[")[0] for line in slice_.text.splitlines()}
    assert installed <= locked


@pytest.mark.system
def test_a_generated_workspace_is_as_it_should_be(made):
    """All checks pass; otherwise benchmarks would measure the handling of errors."""
    mistakes = [str(one) for one in check_everything(made.root) if not one.is_warning]
    # Departments have no tests here, nothing was compiled yet, and texts of the template cause warnings.
    assert [one for one in mistakes if "expected tests (test_*.py)" not in one and "airnub compile" not in one] == []

"""What the tests of images share: this workspace without its code, to be changed at will, and an engine of paper."""

import shutil
from pathlib import Path

import pytest

from airnub_cli.workspace import Workspace

ROOT = Path(__file__).parents[4]


@pytest.fixture
def workspace(tmp_path):
    """The lock and the pyproject files of this workspace, with small sources, and a second department."""
    if not (ROOT / "uv.lock").is_file():
        pytest.skip("needs the whole workspace, for its lock")
    if not (ROOT / "departments" / "project_alpha").is_dir():
        pytest.skip("needs the example department, beside the template")
    for path in ("pyproject.toml", "uv.lock", ".dockerignore", "infra/docker", "configs/departments.yaml"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / path).is_dir() else shutil.copy)(ROOT / path, tmp_path / path)
    for pyproject in [*ROOT.glob("packages/*/pyproject.toml"), *ROOT.glob("departments/*/pyproject.toml")]:
        folder = tmp_path / pyproject.parent.relative_to(ROOT)
        (folder / "src").mkdir(parents=True)
        shutil.copy(pyproject, folder)
        (folder / "src" / "module.py").write_text("ANSWER = 42\n")
        (folder / "apt-packages.txt").write_text("# none\n")
        (folder / "README.md").write_text("What it is.\n")
    # The template is a department like any other, but for its folder's name, which keeps it out of the images.
    (tmp_path / "departments" / "_template").rename(tmp_path / "departments" / "department_template")
    lock = tmp_path / "uv.lock"
    lock.write_text(lock.read_text().replace("departments/_template", "departments/department_template"))
    return Workspace.around(tmp_path)


@pytest.fixture
def lock_also(workspace):
    """Let the lock say that a department depends on one more package."""

    def change(department, package="iniconfig"):
        path = workspace.root / "uv.lock"
        before = path.read_text()
        start = before.index(f'name = "{department}"\nversion')
        head, rest = before[:start], before[start:]
        after = head + rest.replace("dependencies = [\n", f'dependencies = [\n    {{ name = "{package}" }},\n', 1)
        assert after != before
        path.write_text(after)

    return change


class PaperEngine:
    """An engine that remembers what it was told to build."""

    def __init__(self):
        self.local, self.remote, self.baked = {}, set(), []

    def labels(self, reference):
        return self.local.get(reference)

    def pushed(self, reference):
        return reference in self.remote

    def bake(self, definition, *, push):
        self.targets = definition["target"]
        self.baked.append(sorted(definition["target"]))
        for target in definition["target"].values():
            for tag in target["tags"]:
                if push:
                    self.remote.add(tag)
                else:
                    self.local[tag] = target["labels"]


@pytest.fixture
def engine():
    """Nothing is built yet."""
    return PaperEngine()

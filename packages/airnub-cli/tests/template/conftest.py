"""A git checkout with a small template and departments made from it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from airnub_cli.template.history import TemplateOrigin, tree_here
from airnub_cli.workspace import Workspace
from airnub_cli.workspace_copy import WorkspaceCopy

TEMPLATE = {
    "departments/_template/pyproject.toml": '[project]\nname = "department-template"\nversion = "0"\n',
    "departments/_template/prefect.yaml": "tags: [airnub, department:department_template]\n",
    "departments/_template/src/department_template/tasks.py": "one = 1\ntwo = 2\nthree = 3\nfour = 4\nfive = 5\n",
    "departments/_template/src/department_template/more.py": '"""More of department_template."""\n',
    "departments/_template/registration/variables/ingestion.yaml": "store: data/department_template\n",
}
TASKS = "departments/{}/src/{}/tasks.py"


@dataclass
class House:
    """A checkout that tests change, commit and update."""

    root: Path

    @property
    def workspace(self):
        return Workspace.around(self.root)

    def git(self, *arguments):
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments]
        return subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=True).stdout.strip()

    def commit(self):
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "x", "--allow-empty")

    def write(self, path, text):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def read(self, path):
        return (self.root / path).read_text()

    def tasks(self, name, old, new):
        """Change the tasks of a department, or of the template."""
        path = (
            "departments/_template/src/department_template/tasks.py"
            if name == "_template"
            else TASKS.format(name, name)
        )
        text = self.read(path)
        assert old in text
        self.write(path, text.replace(old, new))

    def make(self, name):
        """Make a department from the present template."""
        for path, text in TEMPLATE.items():
            text = self.read(path).replace("department_template", name).replace("department-template", name)
            path = path.replace("departments/_template/registration/variables", f"configs/variables/{name}")
            self.write(path.replace("_template/", f"{name}/", 1).replace("department_template", name), text)
        self.write(f"departments/{name}/prefect.yaml", f"tags: [airnub, department:{name}, owner:team]\n")
        self.write(f"departments/{name}/template.toml", TemplateOrigin(tree=tree_here(self.root)).text())


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Two departments that equal the template."""
    monkeypatch.setattr(WorkspaceCopy, "settle", lambda self: None)  # locking and compiling have tests of their own
    made = House(tmp_path)
    made.git("init", "--quiet")
    made.write(
        "pyproject.toml", '[project]\nname = "x"\nversion = "0"\n[tool.uv.workspace]\nmembers = ["departments/*"]\n'
    )
    made.write(".gitignore", ".airnub/\n__pycache__/\n")
    entry = "{{id: {}, display_name: D, owner: team, contacts: [team], status: active}}"
    made.write("configs/departments.yaml", f"departments:\n  - {entry.format('alpha')}\n  - {entry.format('beta')}\n")
    for path, text in TEMPLATE.items():
        made.write(path, text)
    made.make("alpha")
    made.make("beta")
    made.commit()
    return made

"""A small valid workspace, a shared package and two departments, in which tests make mistakes."""

import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from airnub_cli.check import isolation
from airnub_cli.workspace import Workspace

README = "What this is, and how it is run.\n" * 10


installed = cache(packages_distributions)


@pytest.fixture(autouse=True)
def installed_once(monkeypatch):
    """Installed packages do not change, and reading them takes a quarter of a second."""
    monkeypatch.setattr(isolation, "packages_distributions", installed)


def department(name):
    """The files of a department, by path below its folder."""
    command = name.replace("_", "-")
    return {
        "pyproject.toml": (
            f'[project]\nname = "{command}"\nversion = "0"\nrequires-python = ">=3.11"\n'
            'dependencies = ["airnub-core", "airnub-prefect", "prefect", "shared-things"]\n'
            f'[project.scripts]\n{command} = "{name}.__main__:main"\n'
        ),
        "README.md": README,
        "apt-packages.txt": "",
        "prefect.yaml": (
            f"pull: []\ndeployments:\n  - name: {command}-ingestion\n    description: Things.\n"
            f"    entrypoint: {name}.flows.ingestion.ingestion\n"
            f"    tags: [airnub, department:{name}, owner:team-one, stage:ingestion]\n"
            f'    work_pool: {{name: {command}, job_variables: {{image: "airnub/{command}:local"}}}}\n'
        ),
        f"src/{name}/__init__.py": '"""A department."""\n',
        f"src/{name}/__main__.py": "def main(): ...\n",
        f"src/{name}/py.typed": "",
        f"src/{name}/department.py": (
            "from airnub_prefect.department import Department, Stage\n"
            f'STAGES = (Stage("ingestion", "{name}.flows.ingestion:ingestion", "{name}.settings:Settings"),)\n'
            f'DEPARTMENT = Department("{name}", STAGES, "{name}.flows.ingestion:ingestion", "{name}.demo:DEMO")\n'
        ),
        f"src/{name}/settings.py": (
            "from airnub_prefect.settings import StageSettings\n\n\n"
            f'class Settings(StageSettings, department="{name}", stage="ingestion"):\n'
            "    days: int = 1\n"
        ),
        f"src/{name}/flows/__init__.py": "",
        f"src/{name}/flows/ingestion.py": (
            f'from prefect import flow\nimport shared_things\n\n\n@flow(name="{command}")\ndef ingestion(): ...\n'
        ),
        f"src/{name}/demo.py": "DEMO = None\n",
        "tests/conftest.py": "import pytest\n\n\n@pytest.fixture(autouse=True)\ndef apart(writes_apart): ...\n",
        "tests/test_it.py": "",
    }


@dataclass
class House:
    """A checkout that tests change and check."""

    root: Path

    @property
    def workspace(self):
        return Workspace.around(self.root)

    def member(self, name):
        return self.workspace.named(name)

    def write(self, path, text):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def change(self, path, old, new):
        """Replace the first occurrence of a text, which must exist."""
        text = (self.root / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new, 1))

    def told(self, mistakes):
        """The diagnostics as `path:line: message`, relative to the root."""
        return sorted(str(one).replace(f"{self.root}/", "") for one in mistakes)


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Two departments whose imported modules are forgotten after the test."""
    made = House(tmp_path)
    names = ("alpha_dept", "beta_dept")
    for name in names:
        for path, text in department(name).items():
            made.write(f"departments/{name}/{path}", text)
        made.write(f"configs/variables/{name}/ingestion.yaml", "days: 2\n")
        made.write(f"infra/work-pools/{name.replace('_', '-')}.yaml", f"name: {name.replace('_', '-')}\ntype: docker\n")
    made.write(
        "packages/shared-things/pyproject.toml",
        '[project]\nname = "shared-things"\nversion = "0"\nrequires-python = ">=3.11"\n',
    )
    made.write("packages/shared-things/README.md", README)
    made.write("packages/shared-things/src/shared_things/__init__.py", "")
    made.write("packages/shared-things/src/shared_things/py.typed", "")
    made.write("packages/shared-things/tests/test_it.py", "")
    made.write(
        "pyproject.toml",
        '[project]\nname = "root"\nversion = "0"\nrequires-python = ">=3.11"\n'
        '[tool.uv.workspace]\nmembers = ["packages/*", "departments/*"]\n'
        "[tool.uv.sources]\nshared-things = { workspace = true }\nalpha-dept = { workspace = true }\n"
        "beta-dept = { workspace = true }\n"
        '[tool.importlinter]\nroot_packages = ["shared_things", "alpha_dept", "beta_dept"]\n'
        "include_external_packages = true\n"
        '[[tool.importlinter.contracts]]\nid = "layers"\nname = "departments above what they share"\ntype = "layers"\n'
        'layers = ["alpha_dept | beta_dept", "shared_things"]\n',
    )
    made.write(
        "configs/departments.yaml",
        "departments:\n"
        + "".join(
            f"  - {{id: {name}, display_name: D, owner: team-one, contacts: [a@b.org], status: active}}\n"
            for name in names
        ),
    )
    made.write("configs/environments/local.yaml", "description: Here.\n")
    for folder in made.root.glob("*/*/src"):
        monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield made
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in {*names, "shared_things"}:
            del sys.modules[name]


CONTRACT = """\
kind: dataset
description: Rain of each place.
code: alpha_dept.datasets:DATASETS
key: [place, day]
fields:
  place: string
  day: date
  rain: {type: float64, unit: mm}
  wind: {type: float64, nullable: true}
"""
DATASETS = """\
from airnub_core.contracts.contract import ContractSchema


class Rain:
    def published(self):
        fields = {
            "place": ("string", False),
            "day": ("date", False),
            "rain": ("float64", False),
            "wind": ("float64", True),
        }
        return ContractSchema("dataset", "rain", 1, fields, ("place", "day"))


DATASETS = {"rain": Rain()}
"""
READS = """\
reads:
  - contract: alpha_dept/rain
    version: 1
    key: [place, day]
    fields:
      place: string
      day: date
      rain: {type: float64, unit: mm}
"""


@pytest.fixture
def publishing(house):
    """The house, in which alpha_dept publishes its rain, and beta_dept reads some of it."""
    house.write("departments/alpha_dept/contracts/rain.v1.yaml", CONTRACT)
    house.write("departments/alpha_dept/src/alpha_dept/datasets.py", DATASETS)
    house.write("departments/beta_dept/reads.yaml", READS)
    return house


CHECKED = """\
from airnub_core.contracts.contract import ContractSchema
from airnub_core.contracts.checks import FieldValues, FreshCheck, RowCountCheck


class Rain:
    within = "36h"
    on_fail = "block"

    def with_limits(self, limits):
        made = Rain()
        made.within = limits.fresh_within or self.within
        made.on_fail = (limits.checks or {}).get("row_count", self.on_fail)
        return made

    def published(self):
        fields = {
            "place": ("string", False),
            "day": ("date", False),
            "rain": ("float64", False),
            "wind": ("float64", True),
        }
        values = {"place": FieldValues(one_of=("here", "there")), "rain": FieldValues(minimum=0)}
        checks = {
            "row_count": RowCountCheck(check="row_count", minimum=100, on_fail=self.on_fail),
            "fresh_day": FreshCheck(check="fresh", column="day", within=self.within),
        }
        return ContractSchema("dataset", "rain", 1, fields, ("place", "day"), values=values, checks=checks)


DATASETS = {"rain": Rain()}
"""
CHECKS = """\
checks:
  row_count: {check: row_count, minimum: 100}
  fresh_day: {check: fresh, column: day, within: 36h}
"""
RELIES = """\
      wind: {type: float64, nullable: true}
    checks:
      row_count: {check: row_count, minimum: 100}
      fresh_day: {check: fresh, column: day, within: 36h}
"""


@pytest.fixture
def checking(publishing):
    """`publishing` with checks: the code has them, the contract promises them, and the reader relies on them."""
    publishing.write("departments/alpha_dept/src/alpha_dept/datasets.py", CHECKED)
    contract = CONTRACT.replace("unit: mm", "unit: mm, minimum: 0")
    publishing.write(
        "departments/alpha_dept/contracts/rain.v1.yaml",
        contract.replace("place: string", "place: {type: string, one_of: [here, there]}") + CHECKS,
    )
    reads = READS.replace("unit: mm", "unit: mm, minimum: 0")
    publishing.write(
        "departments/beta_dept/reads.yaml",
        reads.replace("place: string", "place: {type: string, one_of: [here, there]}") + RELIES,
    )
    return publishing

"""A checkout with one department, whose flows are in `importable/`, and its mistakes."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from airnub_cli.compile.workspace_check import check_deployments
from airnub_cli.workspace import Workspace

NAME = "department_for_deploying"
DEPLOYMENTS = f"""\
pull: []
deployments:
  - name: department-for-deploying-first
    description: The first one.
    entrypoint: {NAME}.flows.first
    tags: [airnub, department:{NAME}, owner:team-one, stage:first, nightly]
    work_pool: {{name: pool-one, job_variables: {{image: "airnub/department-for-deploying:local"}}}}
    concurrency_limit: {{limit: 3, collision_strategy: ENQUEUE}}
    schedules:
      - {{slug: daily, cron: "0 5 * * *", active: false}}
      - {{slug: hourly, interval: 3600, anchor_date: "2026-01-01T00:00:00Z", active: true}}
  - name: department-for-deploying-second
    description: The second one.
    entrypoint: {NAME}.flows.second
    tags: [airnub, department:{NAME}, owner:team-one, stage:second]
    work_pool:
      name: pool-one
      job_variables: {{image: "airnub/department-for-deploying:local"}}
    parameters: {{day: monday}}
    triggers:
      - name: second-after-first
        type: event
        enabled: true
        match_related: {{prefect.resource.role: deployment, prefect.resource.name: department-for-deploying-first}}
        expect: [prefect.flow-run.Completed]
"""
FILES = {
    "pyproject.toml": '[project]\nname = "root"\nversion = "0"\n[tool.uv.workspace]\nmembers = ["departments/*"]\n',
    f"departments/{NAME}/pyproject.toml": '[project]\nname = "department-for-deploying"\nversion = "0"\n',
    f"departments/{NAME}/prefect.yaml": DEPLOYMENTS,
    "configs/departments.yaml": (
        f"departments:\n  - {{id: {NAME}, display_name: D, owner: team-one, contacts: [a@b.org], status: active}}\n"
    ),
    f"configs/variables/{NAME}/first.yaml": "store: x\n",
    "configs/environments/local.yaml": "description: Here.\n",
    "configs/environments/far.yaml": "description: There.\nregistry: registry.example.org/house\n",
    "infra/work-pools/pool-one.yaml": "name: pool-one\ntype: docker\n",
    "infra/work-pools/pool-two.yaml": "name: pool-two\ntype: docker\nenvironments: [far]\n",
}


@dataclass
class House:
    """A checkout that tests change and check."""

    root: Path

    @property
    def workspace(self):
        return Workspace.around(self.root)

    @property
    def deployments(self):
        return self.root / "departments" / NAME / "prefect.yaml"

    def write(self, path, text):
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def change(self, old, new, path=f"departments/{NAME}/prefect.yaml"):
        """Replace the first occurrence of a text, which must exist."""
        text = (self.root / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new, 1))

    def mistakes(self, environment=None):
        """All mistakes as `file:line: message`, with the bare name of the file."""
        found = check_deployments(self.workspace, environment or {})
        return [f"{Path(one.where).name}:{one.line}: {one.message}" for one in found.mistakes]


@pytest.fixture
def house(tmp_path):
    """A valid checkout."""
    made = House(tmp_path)
    for path, text in FILES.items():
        made.write(path, text)
    return made

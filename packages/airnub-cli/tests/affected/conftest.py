"""A small workspace in a git repository of its own: two departments, the template and a package, and a lock."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from airnub_cli.affected.rules import AffectedResult, affected

PYPI = 'source = { registry = "https://pypi.example/simple" }'
ROOT = """[project]
name = "root"
version = "0"
dependencies = ["alpha"]

[dependency-groups]
lint = ["ruff"]

[tool.uv.workspace]
members = ["packages/*", "departments/*"]

[tool.uv.sources]
alpha = { workspace = true }

[tool.pytest.ini_options]
addopts = ["-n=auto"]

[[tool.importlinter.contracts]]
id = "layers"
layers = ["alpha | beta", "airnub_core"]
"""
LOCK = f"""version = 1
revision = 3
requires-python = ">=3.11"

[[package]]
name = "airnub-core"
version = "0.1.0"
source = {{ editable = "packages/airnub-core" }}

[package.optional-dependencies]
tables = [
    {{ name = "polars" }},
]

[[package]]
name = "airnub-prefect"
version = "0.1.0"
source = {{ editable = "packages/airnub-prefect" }}
dependencies = [
    {{ name = "airnub-core" }},
]

[package.optional-dependencies]
worker = [
    {{ name = "docker" }},
]

[[package]]
name = "alpha"
version = "0.1.0"
source = {{ editable = "departments/alpha" }}
dependencies = [
    {{ name = "airnub-core", extra = ["tables"] }},
    {{ name = "joblib" }},
]

[package.dev-dependencies]
dev = [
    {{ name = "pytest" }},
]

[[package]]
name = "beta"
version = "0.1.0"
source = {{ editable = "departments/beta" }}
dependencies = [
    {{ name = "airnub-core" }},
]

[[package]]
name = "docker"
version = "7.0"
{PYPI}

[[package]]
name = "joblib"
version = "1.0"
{PYPI}
sdist = {{ url = "https://files.example/joblib.tar.gz", hash = "sha256:11", size = 1 }}

[[package]]
name = "polars"
version = "2.1"
{PYPI}

[[package]]
name = "pytest"
version = "9.0"
{PYPI}

[[package]]
name = "template"
version = "0.1.0"
source = {{ editable = "departments/_template" }}
dependencies = [
    {{ name = "airnub-core" }},
]
"""
DEPLOYMENTS = """name: {name}
deployments:
  - name: {name}-ingestion
    tags: [department:{name}]
    work_pool: {{name: pool-of-{name}}}
"""
FILES = {
    "pyproject.toml": ROOT,
    "uv.lock": LOCK,
    ".gitignore": "ignored*\n",
    ".dockerignore": "*\n",
    "README.md": "What it is.\n",
    "infra/docker/Dockerfile": "FROM scratch AS department\n",
    "infra/docker/install.sh": "true\n",
    "infra/work-pools/_docker.yaml": "job_variables: {}\n",
    "infra/work-pools/pool-of-alpha.yaml": "name: pool-of-alpha\n",
    "configs/departments.yaml": (
        "departments:\n  - {id: alpha, owner: team-a, status: active}\n  - {id: beta, owner: team-b, status: active}\n"
    ),
    "configs/environments/production.yaml": (
        "description: Real.\nregistry: r.example\nlimits: {alpha-ingestion: 1}\n"
        "schedules: {beta-ingestion/daily: true}\n"
    ),
    "configs/variables/alpha/ingestion.yaml": "store: {block: s3-bucket/lake}\n",
    "configs/automations/all.yaml": "match: prefect.tag.airnub\n",
    "configs/automations/one.yaml": "match: {prefect.resource.name: beta-ingestion}\n",
    "configs/blocks/lake.yaml": "name: lake\ntype: s3-bucket\nvalue: 1\n",
    "configs/blocks/other.yaml": "name: other\ntype: secret\nvalue: 1\n",
}
for folder in ("packages/airnub-core", "packages/airnub-prefect", "departments/alpha", "departments/beta",
               "departments/_template"):  # fmt: skip
    name = folder.rpartition("/")[2].lstrip("_")
    FILES |= {
        f"{folder}/pyproject.toml": f'[project]\nname = "{name}"\nversion = "0.1.0"\n',
        f"{folder}/README.md": f"What {name} is.\n",
        f"{folder}/src/{name.replace('-', '_')}/__init__.py": "ANSWER = 42\n",
        f"{folder}/tests/test_it.py": "def test_it(): ...\n",
    }
    if folder.startswith("departments"):
        FILES[f"{folder}/prefect.yaml"] = DEPLOYMENTS.format(name=name)
FILES["prefect.yaml"] = "# Made by a command.\nname: airnub\ndeployments:\n" + "".join(
    f"  - name: {name}-ingestion\n    tags:\n      - department:{name}\n    paused: false\n"
    for name in ("alpha", "beta")
)


@dataclass
class Checkout:
    """A repository that tests change and compare."""

    root: Path

    def git(self, *arguments: str) -> str:
        """Run git as a fixed user, and return its output."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always")
        command = ["git", *who, *arguments]
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def write(self, path: str, text: str = "# changed\n") -> None:
        """Write a file."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def replace(self, path: str, before: str, after: str) -> None:
        """Replace text in a file."""
        text = (self.root / path).read_text()
        assert before in text
        self.write(path, text.replace(before, after, 1))

    def commit(self, message: str = "More") -> str:
        """Commit everything, and return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def answer(self, base: str = "main") -> AffectedResult:
        """The whole result."""
        return affected(self.root, base)

    def affected(self, base: str = "main") -> dict[str, str]:
        """Concerns by name of members and images."""
        found = [one for one in self.answer(base).found if one.target.kind != "workspace"]
        return {one.target.name: " ".join(one.concerns) for one in found}

    def workspace(self, base: str = "main") -> dict[str, list[str]]:
        """Tests of the workspace, with why they are affected."""
        return {one.target.name: list(one.reasons) for one in self.answer(base).found if one.target.kind == "workspace"}

    def reasons(self, name: str, base: str = "main") -> list[str]:
        """The reasons of one target."""
        return [said for one in self.answer(base).found if one.target.name == name for said in one.reasons]


@pytest.fixture(scope="session")
def committed(tmp_path_factory):
    """The files in one commit on `main`."""
    checkout = Checkout(tmp_path_factory.mktemp("committed"))
    for path, text in FILES.items():
        checkout.write(path, text)
    checkout.git("init", "--quiet", "--initial-branch=main")
    checkout.commit("All of it")
    return checkout.root


@pytest.fixture
def checkout(committed, tmp_path):
    """A clone of it on a branch of its own, with a `main` of its own too."""
    clone = Checkout(tmp_path / "clone")
    Checkout(tmp_path).git("clone", "--quiet", str(committed), "clone")
    clone.git("checkout", "--quiet", "-b", "work")
    return clone

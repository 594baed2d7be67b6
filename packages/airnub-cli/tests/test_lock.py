"""`uv.lock` as a graph."""

import re
import subprocess
from pathlib import Path

import pytest

from airnub_cli.lock import Edge, Node, load_lock
from airnub_cli.workspace import WorkspaceError

ROOT = Path(__file__).parents[3]
PYPI = 'registry = "https://pypi.example/simple"'
LOCK = f"""version = 1
revision = 5
requires-python = ">=3.11"

[[package]]
name = "alpha"
version = "0.1.0"
source = {{ editable = "departments/alpha" }}
dependencies = [
    {{ name = "core", extra = ["tables"] }},
    {{ name = "numpy", version = "1.0", source = {{ {PYPI} }}, marker = "python_full_version < '3.12'" }},
    {{ name = "numpy", version = "2.0", source = {{ {PYPI} }}, marker = "python_full_version >= '3.12'" }},
]

[package.optional-dependencies]
science = [
    {{ name = "sklearn" }},
]

[package.dev-dependencies]
dev = [
    {{ name = "pytest" }},
]

[package.metadata]
requires-dist = [{{ name = "core", extras = ["tables"], editable = "packages/core" }}]

[[package]]
name = "core"
source = {{ editable = "packages/core" }}

[package.optional-dependencies]
tables = [
    {{ name = "polars" }},
]

[[package]]
name = "numpy"
version = "1.0"
source = {{ {PYPI} }}
wheels = [
    {{ url = "https://files.example/numpy-1.whl", hash = "sha256:11", size = 1 }},
]

[[package]]
name = "numpy"
version = "2.0"
source = {{ {PYPI} }}
wheels = [
    {{ url = "https://files.example/numpy-2.whl", hash = "sha256:22", size = 1 }},
]

[[package]]
name = "polars"
version = "2.1"
source = {{ {PYPI} }}
sdist = {{ url = "https://files.example/polars.tar.gz", hash = "sha256:33", size = 1 }}

[[package]]
name = "pytest"
version = "9.0"
source = {{ {PYPI} }}

[[package]]
name = "root"
version = "0"
source = {{ virtual = "." }}

[[package]]
name = "sklearn"
version = "1.5"
source = {{ {PYPI} }}
"""


def test_a_slice_has_what_is_installed():
    """Chosen extras, and each version with its marker; no group, and no other extra."""
    found = load_lock(LOCK).slice("alpha")
    assert found.members == ("departments/alpha", "packages/core")
    assert re.findall(r"^(\w+)(?=\S* \('[\d.]+')", found.text, re.MULTILINE) == ["numpy", "numpy", "polars"]
    assert "sklearn" in load_lock(LOCK).slice("alpha", ["science"]).text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("sha256:33", "sha256:44"),
        ('version = "2.1"', 'version = "2.2"'),
        (">= '3.12'", "> '3.12'"),
        ('    { name = "polars" },\n', '    { name = "polars" },\n    { name = "pytest" },\n'),
    ],
)
def test_a_different_installation_changes_the_slice(before, after):
    """Versions, files, markers, and dependencies."""
    assert before in LOCK
    assert load_lock(LOCK).slice("alpha").text != load_lock(LOCK.replace(before, after)).slice("alpha").text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("https://pypi.example/simple", "https://mirror.example/simple"),
        ("size = 1", 'size = 1, upload-time = "2026-01-01T00:00:00Z"'),
        ('version = "9.0"', 'version = "9.1"'),
        ('version = "1.5"', 'version = "1.6"'),
        ("revision = 5", "revision = 6"),
        ('dev = [\n    { name = "pytest" },', 'dev = [\n    { name = "numpy" },'),
        ("\n", "\r\n"),
    ],
)
def test_the_same_installation_keeps_the_slice(before, after):
    """A mirror with the same files, dependencies of tests and research, and the format of the file."""
    assert before in LOCK
    assert load_lock(LOCK).slice("alpha") == load_lock(LOCK.replace(before, after)).slice("alpha")


def test_edges_lead_to_the_package_and_to_its_extras():
    """One for each candidate and extra, with the marker."""
    lock = load_lock(LOCK)
    [alpha] = lock.named("alpha")
    targets = [edge.target[:2] + edge.target[3:] for edge in lock.edges(alpha)]
    assert targets == [("core", "", ""), ("core", "", "[tables]"), ("numpy", "1.0", ""), ("numpy", "2.0", "")]
    assert list(lock.edges(alpha, ":dev")) == [Edge(Node("pytest", "9.0", PYPI), "")]


def test_members_by_folder():
    """Without the root."""
    assert {folder: one.name for folder, one in load_lock(LOCK).members().items()} == {
        "departments/alpha": "alpha", "packages/core": "core",
    }  # fmt: skip


def test_a_member_that_is_not_locked():
    """The error has the command to run."""
    with pytest.raises(WorkspaceError, match=r"expected beta in uv\.lock, found no such package; run `uv lock`"):
        load_lock(LOCK).slice("beta")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected uv.lock to begin with `version = 1`"),
        (LOCK.replace("version = 1\n", "version = 2\n", 1), "expected uv.lock to begin with `version = 1`"),
        (LOCK.replace('name = "core"\n', ""), "expected packages with a name and a source"),
        (LOCK.replace('{ name = "polars" }', '{ name = "polars", later = true }'), "expected dependencies in"),
    ],
)
def test_a_text_that_is_not_understood_is_refused(text, message):
    """A slice is never incomplete."""
    with pytest.raises(WorkspaceError, match=message):
        load_lock(text)


@pytest.mark.parametrize(
    ("name", "extras"),
    [
        pytest.param("project-alpha", [], marks=pytest.mark.example),
        pytest.param("project-alpha", ["science"], marks=pytest.mark.example), ("department-template", []),
        ("airnub-prefect", ["worker"]), ("airnub-cli", []), ("airnub-common", []),
    ],
)  # fmt: skip
def test_it_is_what_uv_exports(name, extras):
    """The lock of this workspace gives the packages, versions, files and members of `uv export`."""
    if not (ROOT / "uv.lock").is_file():
        pytest.skip("needs the whole workspace, for its lock")
    command = ["uv", "export", "--quiet", "--frozen", "--no-dev", "--no-editable", "--no-header", "--no-annotate"]
    arguments = ["--package", name, *(word for extra in extras for word in ("--extra", extra))]
    exported = subprocess.run([*command, *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = load_lock((ROOT / "uv.lock").read_text()).slice(name, extras)
    assert list(found.members) == sorted(
        line.partition(" ;")[0][2:] for line in exported.splitlines() if line.startswith("./")
    )
    requirements = r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)"
    assert set(re.findall(r"^([\w.-]+) \('([^']+)'", found.text, re.MULTILINE)) == set(
        re.findall(requirements, exported, re.MULTILINE)
    )
    assert set(re.findall(r"sha256:\w+", found.text)) == set(re.findall(r"sha256:\w+", exported))

"""Packages of the lock that are not what they were.
Who reads what a changed contract publishes.
The root pyproject.toml.
Files of members, and those that images are built by.
"""

import re

import pytest

from airnub_cli.affected.changed_files import by_member_and_use, concerns_tests, differences, shortened, use_of
from airnub_cli.affected.graph import complete
from airnub_cli.lock import Lock, load_lock

REGISTRY = 'source = { registry = "https://pypi.example/simple" }'
TEXT = f"""version = 1

[[package]]
name = "alpha"
version = "0.1.0"
source = {{ editable = "departments/alpha" }}
dependencies = [
    {{ name = "numpy", version = "1.0", {REGISTRY}, marker = "python_full_version < '3.12'" }},
    {{ name = "numpy", version = "2.0", {REGISTRY}, marker = "python_full_version >= '3.12'" }},
    {{ name = "polars", extra = ["all"] }},
]

[package.optional-dependencies]
science = [
    {{ name = "sklearn" }},
]

[[package]]
name = "numpy"
version = "1.0"
{REGISTRY}

[[package]]
name = "numpy"
version = "2.0"
{REGISTRY}

[[package]]
name = "polars"
version = "2.1"
{REGISTRY}
sdist = {{ url = "https://files.example/polars.tar.gz", hash = "sha256:33", size = 1 }}

[package.optional-dependencies]
all = [
    {{ name = "sklearn" }},
]

[[package]]
name = "sklearn"
version = "1.5"
{REGISTRY}
"""


def said(after, before=TEXT):
    """The differences of two locks, in words."""
    return [one.what for one in differences(load_lock(before), load_lock(after))]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('version = "2.1"', 'version = "2.2"', ["polars 2.1 → 2.2"]),
        ("sha256:33", "sha256:44", ["polars 2.1, different files"]),
        ('"2.0"', '"2.1"', ["numpy 2.0 → 2.1"]),
        (">= '3.12'", "> '3.12'", ["alpha needs differently numpy"]),
        ('    { name = "polars", extra = ["all"] },\n', "", ["alpha no longer needs polars, polars[all]"]),
        ('polars", extra = ["all"] }', 'polars" }', ["alpha no longer needs polars[all]"]),
        ('science = [\n    { name = "sklearn" },', 'science = [\n    { name = "polars" },',
         ["alpha[science] now needs polars; no longer needs sklearn"]),
        ('all = [\n    { name = "sklearn" },', 'all = [\n    { name = "numpy" },',
         ["polars[all] now needs numpy; no longer needs sklearn"]),
        ('editable = "departments/alpha"', 'editable = "departments/omega"', ["alpha moved to departments/omega"]),
        ('"alpha"\nversion = "0.1.0"', '"alpha"\nversion = "0.2.0"', []),
        ("https://pypi.example/simple", "https://mirror.example/simple", []),
        ("size = 1", "size = 2", []),
    ],
)  # fmt: skip
def test_differences_of_packages(before, after, expected):
    """The package itself or its dependencies are reported, not both, and nothing that installs the same."""
    assert before in TEXT
    assert said(TEXT.replace(before, after)) == expected


def test_a_version_from_a_different_source():
    """Without a registry, nothing shows that the files are the same."""
    one = f'name = "sklearn"\nversion = "1.5"\n{REGISTRY}'
    assert said(
        TEXT.replace(one, 'name = "sklearn"\nversion = "1.5"\nsource = { git = "https://x.example/s?rev=1#1" }')
    ) == ["sklearn 1.5 from a different source"]


def test_two_versions_become_one():
    """The dependents of one version have a difference; the removed version has none."""
    after = re.sub(r'    \{ name = "numpy", version = "1.*\n', "", TEXT)
    after = after.replace(f'[[package]]\nname = "numpy"\nversion = "1.0"\n{REGISTRY}\n\n', "")
    after = re.sub(r'name = "numpy", version = "2.0", source = \{[^}]*\}', 'name = "numpy"', after)
    assert said(after) == ["alpha no longer needs numpy"]


def test_a_first_lock():
    """A new lock has no differences, since everything is new."""
    assert list(differences(Lock(), load_lock(TEXT))) == []


PATH = "departments/alpha/contracts/rain.v1.yaml"
READS = "reads: [{contract: alpha/rain, version: 1, fields: {place: string}}]\n"


@pytest.fixture
def reading(checkout):
    """A checkout in which beta reads what alpha publishes, both on `main`."""
    checkout.write(PATH, "kind: dataset\n")
    checkout.write("departments/beta/reads.yaml", READS)
    checkout.write("departments/_template/reads.yaml", READS.replace("alpha/rain", "alpha/snow"))
    checkout.commit()
    checkout.git("branch", "--force", "main")
    return checkout


def test_a_change_concerns_the_tests_of_both(reading):
    """The contract is in no image; the chain goes through the publishing department."""
    reading.write(PATH)
    assert reading.affected() == {"alpha": "tests", "beta": "tests"}
    assert reading.reasons("beta") == [f"{PATH} → alpha → beta"]


def test_a_removed_contract_affects_its_readers(reading):
    """Until their `reads.yaml` no longer names it."""
    (reading.root / PATH).unlink()
    assert reading.affected() == {"alpha": "tests", "beta": "tests"}


def test_a_different_version_does_not_affect_readers_of_the_first(reading):
    """A different name does not either."""
    reading.write(PATH.replace("v1", "v2"))
    reading.write(PATH.replace("rain", "fog"))
    assert reading.affected() == {"alpha": "tests"}


def test_reads_affect_only_the_reader(reading):
    """`reads.yaml` is like any file of its folder."""
    reading.write("departments/beta/reads.yaml", READS.replace("place", "day"))
    assert reading.affected() == {"beta": "tests"}


PYPROJECT = """
[project]
name = "root"
requires-python = ">=3.11"
dependencies = ["alpha"]

[tool.uv]
link-mode = "copy"

[tool.uv.workspace]
members = ["departments/*"]

[tool.uv.sources]
alpha = { workspace = true }

[tool.ruff]
line-length = 120

[tool.mypy]
strict = true

[tool.pytest.ini_options]
addopts = ["-a", "-b"]

[tool.importlinter]
root_packages = ["alpha"]

[[tool.importlinter.contracts]]
id = "layers"
layers = [\"\"\"\\
    alpha |\\
    beta\"\"\", "core"]
"""


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("\n[project]", "\n# The root.\n[project]", False),
        ('dependencies = ["alpha"]', 'dependencies = ["alpha", "click"]', False),
        ("[tool.uv]", '[dependency-groups]\nlint = ["ruff"]\n[tool.uv]', False),
        ('["departments/*"]', '["departments/*", "packages/*"]', False),
        ("alpha = {", "beta = { workspace = true }\nalpha = {", False),
        ("    alpha |\\\n", "    alpha |\\\n    gamma |\\\n", False),
        ('root_packages = ["alpha"]', 'root_packages = ["alpha", "gamma"]', False),
        ("120", "100", False),
        ("strict = true", "strict = false", False),
        ('"copy"', '"clone"', True),
        (">=3.11", ">=3.12", True),
        ('["-a", "-b"]', '["-a"]', True),
        ('["-a", "-b"]', '["-b", "-a"]', True),
        ("[tool.ruff]", "[tool.other]", True),
        ("[project]", "[project", True),
        (PYPROJECT, "", True),
    ],
)
def test_root_settings_that_affect_tests(before, after, expected):
    """Dependencies of the root, lock settings and linters do not."""
    assert before in PYPROJECT
    assert concerns_tests(PYPROJECT, PYPROJECT.replace(before, after, 1)) == expected


@pytest.mark.parametrize(
    ("path", "use"),
    [
        ("pyproject.toml", "source"),
        ("README.md", "source"),
        ("apt-packages.txt", "source"),
        ("src/alpha/data.csv", "source"),
        ("src/alpha/__pycache__/tasks.pyc", "tests"),
        ("Dockerfile", "image"),
        ("prefect.yaml", "deployment"),
        ("tests/test_it.py", "tests"),
        ("tests/README.md", "tests"),
        ("notes.md", "tests"),
    ],
)
def test_use_of_a_file(path, use):
    """Tests may read any file in the folder."""
    assert use_of(path) == use


def test_files_are_grouped_by_member_and_use(checkout):
    """Files outside of the members are separate."""
    _, members = complete(checkout.root, load_lock((checkout.root / "uv.lock").read_text()), [])
    paths = [f"departments/alpha/{name}" for name in ("README.md", "src/a.py", "prefect.yaml")]
    touched = by_member_and_use(members, [*paths, "README.md"])
    assert touched.of == {("departments/alpha", "source"): paths[:2], ("departments/alpha", "deployment"): paths[2:]}
    assert touched.others == ["README.md"]


def test_a_submodule_is_all_of_its_member(checkout):
    """Git reports that a submodule moved, without its files."""
    _, members = complete(checkout.root, load_lock((checkout.root / "uv.lock").read_text()), [])
    assert by_member_and_use(members, ["departments/alpha"]).of == {
        ("departments/alpha", "source"): ["departments/alpha"]
    }


def test_several_files_are_one_step():
    """The step has the first name and the number of the others."""
    assert [shortened(["a"]), shortened(["a", "b"]), shortened(["a", "b", "c"])] == [
        "a", "a and 1 more file", "a and 2 more files",
    ]  # fmt: skip

"""`airnub adopt`, on a copy of this repository with its own environment, in which all checks then pass."""

import sys
import tomllib
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent / "importable"))
from repository_copy import airnub, changes, commit, copied, run

pytestmark = [pytest.mark.system, pytest.mark.example]

OPTIONS = (
    "--organisation",
    "acme",
    "--licence",
    "LicenseRef-Acme",
    "--platform-owner",
    "team-base",
    "--without-example",
)
CLI = "packages/airnub-cli/tests"
SUITES = (
    "tests", "departments",
    f"{CLI}/adopt", f"{CLI}/check", f"{CLI}/images", f"{CLI}/new", f"{CLI}/remove", f"{CLI}/test_lock.py",
)  # fmt: skip
"""Those that read the repository that they are in. No other suite can notice that the example is gone."""


@pytest.fixture(scope="module")
def adopted(tmp_path_factory):
    """A committed copy that was adopted, and the lists that the command printed with `--dry-run` and without."""
    root = copied(tmp_path_factory.mktemp("adopted") / "repository")
    looked = airnub(root, "adopt", *OPTIONS, "--dry-run")
    assert changes(root) == ""
    done = airnub(root, "adopt", *OPTIONS)
    run(root, "uv", "sync", "-q", "--frozen", "--all-packages", "--group", "lint")
    commit(root)
    return root, looked, done


def test_a_dry_run_lists_what_is_done(adopted):
    """It lists each file, and a second run finds nothing to do."""
    root, looked, done = adopted
    assert looked.replace("would be ", "") == done
    assert "departments/project_alpha/: removed" in done
    assert airnub(root, "adopt", *OPTIONS) == ""
    assert changes(root) == ""


def test_organisation_licence_and_owners(adopted):
    """They are replaced in every file."""
    root, _, _ = adopted
    lines = (root / ".github/CODEOWNERS").read_text().splitlines()[2:]
    assert lines
    assert {line.split()[1] for line in lines} == {"@acme/team-base"}
    stated = {
        path.relative_to(root).as_posix(): tomllib.loads(path.read_text())["project"]["license"]
        for path in (root / "pyproject.toml", *root.glob("*/*/pyproject.toml"))
    }
    assert stated.pop("pyproject.toml") == stated.pop("departments/_template/pyproject.toml") == "LicenseRef-Acme"
    assert set(stated.values()) == {"LicenseRef-Acme AND Apache-2.0"}
    assert (root / "LICENSE").read_text().startswith("SPDX-License-Identifier: LicenseRef-Acme\n")
    assert "Apache License" in (root / "LICENSES/Apache-2.0.txt").read_text()


def test_no_file_that_is_run_names_the_example(adopted):
    """Only pages, tests and benchmarks name it; comments may, too."""
    root, _, _ = adopted
    named = run(root, "git", "grep", "-lE", "project[-_]alpha", "--", ".", ":!*.md", ":!*.py").split()
    comments = {".ci/run", "docker-compose.yml", "infra/docker/Dockerfile"}
    assert sorted({*named} - comments) == ["docker-compose.workers.yml", "pyproject.toml"]
    assert yaml.safe_load((root / "prefect.yaml").read_text())["deployments"] == []
    assert "project-alpha" not in yaml.safe_load((root / "docker-compose.yml").read_text())["services"]
    assert "project-alpha" not in (root / "uv.lock").read_text()


def test_lint_is_green(adopted):
    """All of `.ci/run lint` except checks whose input did not change: types of packages, workflows."""
    root, _, _ = adopted
    run(root, ".venv/bin/ruff", "check")
    run(root, ".venv/bin/ruff", "format", "--check")
    run(root, ".venv/bin/mypy", "departments/_template/src")
    run(root, ".venv/bin/python", ".ci/plain_words.py")
    airnub(root, "check")


def test_tests_are_green(adopted):
    """Tests that need the example are skipped."""
    root, _, _ = adopted
    said = run(
        root,
        ".venv/bin/python",
        "-m",
        "pytest",
        "-q",
        "-rs",
        "-p",
        "no:cacheprovider",
        # One process, since each collects all tests; one case, since all cases of a test need the example or none does.
        "-n0",
        "--first-of=test",
        "--ignore=tests/docker",
        *SUITES,
    )
    assert "needs the example department" in said


def test_a_department_can_be_created_afterwards(adopted):
    """It is the first one, in lists that were empty."""
    root, _, _ = adopted
    airnub(root, "new", "department", "orders")
    assert "/departments/orders/ @acme/team-orders" in (root / ".github/CODEOWNERS").read_text()
    assert all(": warning: " in line for line in airnub(root, "check").splitlines())
    airnub(root, "remove", "department", "orders", "--yes")
    run(root, "git", "clean", "-qfd", "departments")
    assert changes(root) == ""

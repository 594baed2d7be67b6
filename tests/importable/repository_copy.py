"""A committed copy of this repository with its own environment, for tests that change the whole repository."""

import os
import shutil
import subprocess
import sys
import sysconfig
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def copied(root):
    """Copy the files that git tracks or would add, commit them, and install everything."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0 or shutil.which("uv") is None:
        pytest.skip("needs a git checkout and uv")
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    run(root, "git", "init", "-q")
    commit(root)
    run(root, "uv", "sync", "-q", "--frozen", "--all-packages", "--group", "lint")
    bring_caches(root)
    return root


def bring_caches(root):
    """Copy caches of mypy and Python, which stay valid: mypy compares contents, Python sizes and times.

    Without them everything works, but takes 30 s more processor time for mypy and 10 s for Python.
    """
    with suppress(shutil.Error):  # of files that mypy is about to replace
        if (ROOT / ".mypy_cache").is_dir():
            shutil.copytree(ROOT / ".mypy_cache", root / ".mypy_cache")
    here = Path(sysconfig.get_path("purelib"))
    there = root / ".venv" / here.relative_to(sys.prefix)
    for source in there.rglob("*.py"):
        compiled = Path(cache_from_source(here / source.relative_to(there)))
        if compiled.is_file():
            place = Path(cache_from_source(source))
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(compiled, place)


def environment():
    """Environment variables without a server's settings or a virtual environment."""
    dropped = ("PREFECT_", "AIRNUB_", "VIRTUAL_ENV", "COV_", "COVERAGE_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def run(root, *command, status=0):
    """Run a command in the copy; returns its output."""
    done = subprocess.run(command, cwd=root, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def airnub(root, *arguments, status=0):
    """Run the copy's own `airnub`."""
    return run(root, ".venv/bin/python", "-m", "airnub_cli", *arguments, status=status)


def commit(root):
    """Commit everything."""
    run(root, "git", "add", "-A")
    run(root, "git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-q", "-m", "x")


def changes(root):
    """The differences from the last commit."""
    return run(root, "git", "status", "--porcelain", "--untracked-files=all", "--ignored=no")

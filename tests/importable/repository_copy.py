"""A copy of this repository with an environment of its own, committed, for tests that change it as a whole."""

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
    """Copy the files that git knows or would take, commit them, and install everything."""
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
    """What mypy and Python have cached here holds in a copy: mypy compares contents, Python sizes and times.

    Where there are no caches, or others, it only takes longer: 30 s of processor time for mypy, 10 s for Python.
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
    """Nobody's server, and no other environment."""
    dropped = ("PREFECT_", "AIRNUB_", "VIRTUAL_ENV", "COV_", "COVERAGE_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


def run(root, *command, status=0):
    """Run a command in the copy; what it printed."""
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
    """What differs from the last commit."""
    return run(root, "git", "status", "--porcelain", "--untracked-files=all", "--ignored=no")

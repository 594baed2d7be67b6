"""The lock: asked of a real uv."""

import shutil
import subprocess

import pytest

from airnub_cli.check.lock import check_lock


@pytest.fixture
def locked(tmp_path):
    """A project with its lock, without dependencies."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0"\nrequires-python = ">=3.11"\n')
    subprocess.run(["uv", "lock", "--quiet", "--offline"], cwd=tmp_path, check=True)
    return tmp_path


def test_a_lock_that_fits(locked):
    """Nothing to tell."""
    assert list(check_lock(locked)) == []


def test_a_lock_that_does_not(locked):
    """And the command that writes it."""
    (locked / "pyproject.toml").write_text('[project]\nname = "y"\nversion = "0"\nrequires-python = ">=3.11"\n')
    [told] = check_lock(locked)
    assert told.where == str(locked / "uv.lock")
    assert told.message.startswith("expected the lock to fit the pyproject files, found: ")
    assert told.message.endswith("`uv lock`")


def test_without_uv(locked, monkeypatch):
    """What is missing."""
    monkeypatch.setenv("PATH", str(locked))
    assert shutil.which("uv") is None
    [told] = check_lock(locked)
    assert "`pip install uv`" in told.message

"""A repository that was cloned from this one merges later changes of this one, by the commands of docs/how-to.md."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAME = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in {"NAME": "someone", "EMAIL": "someone@example.org"}.items()
}


def do(folder, *command):
    """Run a command that must succeed; returns its output."""
    environment = os.environ | NAME
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def change(folder, file, line, more):
    """Insert text after the first occurrence of a line, and commit."""
    path = folder / file
    path.write_text(path.read_text().replace(line, line + more, 1))
    do(folder, "git", "commit", "--all", "--quiet", "--message", f"Change {file}")


@pytest.mark.system
def test_what_both_sides_changed_is_merged(tmp_path):
    """Local and upstream changes are merged, the lock is valid, and a department gets the template's changes."""
    upstream, own = tmp_path / "upstream", tmp_path / "own"
    do(tmp_path, "git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(upstream))
    do(upstream, "git", "checkout", "--quiet", "-B", "main")
    do(tmp_path, "git", "clone", "--quiet", str(upstream), str(own))
    do(own, "git", "remote", "remove", "origin")
    airnub = [sys.executable, "-m", "airnub_cli"]
    do(own, *airnub, "new", "department", "orders")
    do(own, "git", "add", "--all")
    do(own, "git", "commit", "--quiet", "--message", "A department of ours")
    change(own, "README.md", "# airnub\n", "\nOf an organisation.\n")
    change(upstream, "departments/_template/src/department_template/settings.py", '"""', "Of the origin. ")
    do(own, "git", "remote", "add", "upstream", str(upstream))
    do(own, "git", "fetch", "--quiet", "upstream")
    do(own, "git", "merge", "--quiet", "--no-edit", "upstream/main")
    do(own, "uv", "lock", "--check", "--offline")
    do(own, *airnub, "template", "update", "orders")
    assert "Of an organisation." in (own / "README.md").read_text()
    assert "Of the origin. " in (own / "departments/orders/src/orders/settings.py").read_text()

"""Copies of a workspace."""

import pytest

from airnub_cli.workspace import WorkspaceError
from airnub_cli.workspace_copy import WorkspaceCopy


@pytest.fixture
def proposal(tmp_path):
    """A copy of a small checkout."""
    (tmp_path / "root" / "configs").mkdir(parents=True)
    for name in ("pyproject.toml", "uv.lock", "configs/a.yaml"):
        (tmp_path / "root" / name).write_text(name)
    (tmp_path / "root" / "README.md").write_text("not for us")
    return WorkspaceCopy(tmp_path / "root", tmp_path / "copy")


def test_only_what_differs_is_a_change(proposal):
    """New, changed and removed files."""
    assert proposal.changes() == {}
    proposal.write("pyproject.toml", "other")
    proposal.write("departments/x/y.txt", b"y")
    proposal.remove("configs")
    assert proposal.changes() == {"pyproject.toml": b"other", "departments/x/y.txt": b"y", "configs/a.yaml": None}
    assert not proposal.path("README.md").exists()


def test_a_checkout_that_changed_meanwhile_is_not_overwritten(proposal):
    """The error names the file."""
    proposal.write("uv.lock", "ours")
    (proposal.root / "uv.lock").write_text("theirs")
    with pytest.raises(WorkspaceError, match=r"expected uv\.lock to stay unchanged"):
        proposal.changes()


def test_what_does_not_compile_is_not_settled(proposal):
    """The error has the output."""
    with pytest.raises(WorkspaceError, match="expected that all departments compile with this change"):
        proposal.settle()


def test_sources_of_unchanged_departments_are_links(proposal):
    """They are importable and no change; PYTHONPATH has only the changed ones, since Python searches all of it."""
    for name in ("old", "retired"):
        (proposal.root / "departments" / name / "src" / name).mkdir(parents=True)
    proposal.write("departments/old/pyproject.toml", "")
    proposal.write("departments/new/pyproject.toml", "")
    proposal.write("departments/new/src/new/__init__.py", "")
    path = proposal._import_path()
    assert path.split(":")[0] == str(proposal.path("departments/new/src"))
    assert "old" not in path
    assert proposal.path("departments/old/src").resolve() == proposal.root / "departments/old/src"
    assert not proposal.path("departments/retired").exists()
    assert "departments/old/src" not in proposal.changes()

"""Installed: members that are not installed can be imported meanwhile, and what to type where that is not enough."""

import sys

import pytest

from airnub_cli.installed import INSTALL_ALL, advice, importable, is_installed, not_installed, require_importable
from airnub_cli.workspace import Workspace
from airnub_prefect.errors import ConfigurationError, Diagnostic

MISSING = Diagnostic("a", 1, f"found: No module named 'x'; {INSTALL_ALL}")


def test_members_that_are_not_installed_can_be_imported_meanwhile(checkout, monkeypatch):
    """And not after it; a folder that is there already, or is none, is not added."""
    before = list(sys.path)
    folder = checkout / "departments/top_one/src"
    with importable([folder, checkout / "nowhere"]):
        __import__("top_one")
        assert sys.path == [*before, str(folder)]
        with importable([folder]):
            assert sys.path == [*before, str(folder)]
    assert sys.path == before
    del sys.modules["top_one"]


def test_departments_that_are_not_installed_are_named_with_the_command(checkout, monkeypatch):
    """By their distributions; packages of the workspace come along with them."""
    workspace = Workspace.around(checkout)
    assert not_installed(workspace) == ["top-one"]
    monkeypatch.setattr(sys, "argv", ["/somewhere/airnub", "compile", "-o", "my file.yaml"])
    said = advice(workspace, [MISSING])
    assert said is not None
    assert said.startswith("not installed here: top-one; ")
    assert said.endswith("`uv run --all-packages airnub compile -o 'my file.yaml'`")


def test_what_comes_of_something_else_needs_no_such_command(checkout):
    """Nor where every department is installed."""
    workspace = Workspace.around(checkout)
    assert advice(workspace, [Diagnostic("a", 1, "unknown key 'x'")]) is None
    assert advice(Workspace(checkout, {"base": workspace.members["base"]}), [MISSING]) is None
    assert is_installed("airnub-cli")


def test_what_runs_here_must_be_installed(monkeypatch):
    """Sources beside it are not enough: runs are processes of their own."""
    require_importable(["airnub_cli"])
    monkeypatch.setattr(sys, "argv", ["airnub", "dev"])
    with pytest.raises(ConfigurationError, match=r"orders_of_today: expected the department .* airnub dev`"):
        require_importable(["airnub_cli", "orders_of_today"])

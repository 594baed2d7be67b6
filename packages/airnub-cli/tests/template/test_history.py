"""The recorded template of a department, and the template in git."""

import subprocess

import pytest

from airnub_cli.template.history import (
    TemplateOrigin,
    origin_path,
    read_origin,
    require_clean,
    template_at,
    tree_here,
    tree_of,
)
from airnub_cli.workspace import WorkspaceError

TREE = "a" * 40


@pytest.mark.parametrize(
    "origin",
    [
        TemplateOrigin(tree=TREE),
        TemplateOrigin(tree="b" * 64, display_name='Käse & "x"', left_out=("analysis", "processing")),
    ],
)
def test_what_is_written_is_read(tmp_path, origin):
    """With any names."""
    path = tmp_path / origin_path("orders")
    path.parent.mkdir(parents=True)
    path.write_text(origin.text(), encoding="utf-8")
    assert read_origin(tmp_path, "orders") == origin


def test_a_department_that_records_nothing(tmp_path):
    """For example one that was copied by hand."""
    assert read_origin(tmp_path, "orders") is None


@pytest.mark.parametrize("text", ["tree = ", "tree = 'x'", f"tree = '{TREE}'\nmore = 1", ""])
def test_an_invalid_record(tmp_path, text):
    """The error names the file."""
    path = tmp_path / origin_path("orders")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(WorkspaceError, match=r"orders/template\.toml: expected the format of `airnub new department`"):
        read_origin(tmp_path, "orders")


def test_the_present_template(house):
    """Committed or not; staged changes are kept."""
    committed = tree_of(house.root, "HEAD")
    assert tree_here(house.root) == committed
    house.tasks("_template", "one = 1", "one = 11")
    house.write("staged", "x")
    house.git("add", "staged")
    changed = tree_here(house.root)
    assert changed != committed
    assert house.git("diff", "--cached", "--name-only") == "staged"
    house.commit()
    assert tree_of(house.root, "HEAD") == changed


def test_an_earlier_template(house):
    """Laid out as in a checkout, in a temporary folder."""
    before = tree_here(house.root)
    house.tasks("_template", "one = 1", "one = 11")
    house.commit()
    with template_at(house.root, before) as folder:
        text = (folder / "departments/_template/src/department_template/tasks.py").read_text()
        assert text.startswith("one = 1\n")
    assert not folder.exists()


def test_a_template_that_git_does_not_have(house, tmp_path_factory):
    """The error says what to do; in a shallow clone that differs."""
    with (
        pytest.raises(WorkspaceError, match="the department was made from: --base REF"),
        template_at(house.root, "a" * 40),
    ):
        pass
    house.tasks("_template", "one = 1", "one = 11")
    house.commit()
    clone = tmp_path_factory.mktemp("clone") / "x"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", house.root.as_uri(), clone], check=True)
    with (
        pytest.raises(WorkspaceError, match="git fetch --unshallow"),
        template_at(clone, tree_of(house.root, "HEAD~1")),
    ):
        pass


@pytest.mark.parametrize("reference", ["nobody", "--help", "HEAD~9"])
def test_an_unknown_commit(house, reference):
    """The error has its name."""
    with pytest.raises(WorkspaceError, match=f"expected a commit with departments/_template, found '{reference}'"):
        tree_of(house.root, reference)


def test_uncommitted_changes(house):
    """Each file is named, except ignored ones."""
    house.write("departments/alpha/__pycache__/x.pyc", "")
    require_clean(house.root)
    house.write("new", "")
    with pytest.raises(WorkspaceError, match=r"commit or stash them first:\n\?\? new"):
        require_clean(house.root)


def test_outside_of_git(tmp_path):
    """Git's error is reported."""
    with pytest.raises(WorkspaceError, match="not a git repository"):
        tree_here(tmp_path)


def test_without_git(house, monkeypatch):
    """The error says what to install."""
    monkeypatch.setenv("PATH", str(house.root))
    with pytest.raises(WorkspaceError, match="expected the command git"):
        tree_here(house.root)

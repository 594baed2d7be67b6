"""History: the template as git has it."""

import subprocess

import pytest

from airnub_cli.template.history import require_clean, template_at, tree_here, tree_of
from airnub_cli.workspace import WorkspaceError


def test_the_template_as_it_is_here(house):
    """Committed or not; what somebody has staged stays as it is."""
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


def test_the_template_as_it_was(house):
    """Laid out as in a checkout, for as long as it is needed."""
    before = tree_here(house.root)
    house.tasks("_template", "one = 1", "one = 11")
    house.commit()
    with template_at(house.root, before) as folder:
        text = (folder / "departments/_template/src/department_template/tasks.py").read_text()
        assert text.startswith("one = 1\n")
    assert not folder.exists()


def test_a_template_that_git_does_not_have(house, tmp_path_factory):
    """Said with what to do; in a shallow clone it is another thing."""
    with pytest.raises(WorkspaceError, match="say with --base REF"), template_at(house.root, "a" * 40):
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
def test_a_commit_that_is_none(house, reference):
    """Told by its name."""
    with pytest.raises(WorkspaceError, match=f"expected a commit with departments/_template, found '{reference}'"):
        tree_of(house.root, reference)


def test_what_is_not_committed(house):
    """Each file is named; ignored ones are nobody's concern."""
    house.write("departments/alpha/__pycache__/x.pyc", "")
    require_clean(house.root)
    house.write("new", "")
    with pytest.raises(WorkspaceError, match=r"commit or stash them first:\n\?\? new"):
        require_clean(house.root)


def test_outside_of_git(tmp_path):
    """Nothing can be asked."""
    with pytest.raises(WorkspaceError, match="not a git repository"):
        tree_here(tmp_path)


def test_without_git(house, monkeypatch):
    """What is missing."""
    monkeypatch.setenv("PATH", str(house.root))
    with pytest.raises(WorkspaceError, match="expected git on the PATH"):
        tree_here(house.root)

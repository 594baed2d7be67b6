"""The repository."""

import os

import pytest

from airnub_cli.affected.repository import FileChange, Repository, RepositoryError

ALPHA = "departments/alpha"


def changes(checkout, base="main"):
    """The changes, by git and the files."""
    return [(one.path, one.what) for one in Repository(checkout.root).changes(base)]


def test_every_kind_of_change(checkout):
    """Edited, staged, new, deleted, renamed, executable, of a different type, and only touched files."""
    checkout.write(f"{ALPHA}/README.md")
    checkout.write(f"{ALPHA}/staged.md")
    checkout.git("add", f"{ALPHA}/staged.md")
    checkout.write("new with spaces é.md")
    checkout.write("ignored.md")
    (checkout.root / "configs/blocks/lake.yaml").unlink()
    checkout.git("mv", "README.md", "MOVED.md")
    (checkout.root / "infra/docker/install.sh").chmod(0o755)
    (checkout.root / ".dockerignore").unlink()
    (checkout.root / ".dockerignore").symlink_to("uv.lock")
    os.utime(checkout.root / "uv.lock", (1, 1))
    assert changes(checkout) == [
        (".dockerignore", "changed"),
        ("MOVED.md", "added"),
        ("README.md", "deleted"),
        ("configs/blocks/lake.yaml", "deleted"),
        (f"{ALPHA}/README.md", "changed"),
        (f"{ALPHA}/staged.md", "added"),
        ("infra/docker/install.sh", "changed"),
        ("new with spaces é.md", "added"),
    ]


def test_a_reverted_file_is_no_change(checkout):
    """Reverted without a commit, or removed from git's index but still there."""
    checkout.write("README.md", "Other.\n")
    checkout.commit()
    checkout.write("README.md", "What it is.\n")
    checkout.git("rm", "--cached", "--quiet", ".dockerignore")
    assert changes(checkout) == []


def test_a_link_changes_with_its_target(checkout):
    """The build reads the target."""
    (checkout.root / f"{ALPHA}/src/shared.md").symlink_to("../../../README.md")
    base = checkout.commit()
    assert changes(checkout, base) == []
    checkout.write("README.md")
    assert changes(checkout, base) == [("README.md", "changed"), (f"{ALPHA}/src/shared.md", "changed")]


def test_a_merge_that_is_not_resolved(checkout):
    """A file with conflict markers has changed."""
    checkout.write("README.md", "Ours.\n")
    checkout.commit()
    checkout.git("checkout", "--quiet", "-b", "theirs", "main")
    checkout.write("README.md", "Theirs.\n")
    checkout.commit()
    with pytest.raises(Exception, match="returned non-zero"):
        checkout.git("merge", "work")
    assert changes(checkout) == [("README.md", "changed")]


def test_texts_of_a_commit(checkout):
    """Files that existed, with any content."""
    checkout.write("README.md", "Other.\n")
    checkout.write("a b.md", "1\n\n2")
    commit = checkout.commit()
    repository = Repository(checkout.root)
    assert repository.texts("main", ["README.md", "none.md", "configs", ".dockerignore"]) == {
        "README.md": "What it is.\n", ".dockerignore": "*\n",
    }  # fmt: skip
    assert repository.texts(commit, ["a b.md"]) == {"a b.md": "1\n\n2"}
    assert repository.texts(commit, []) == {}


def test_a_workspace_in_a_folder_of_its_repository(checkout):
    """Paths are relative to the workspace; files outside of it are ignored."""
    checkout.write(f"{ALPHA}/README.md")
    checkout.write("README.md")
    repository = Repository(checkout.root / ALPHA)
    assert repository.changes("main") == [FileChange("README.md", "changed")]
    assert repository.texts("main", ["README.md"]) == {"README.md": "What alpha is.\n"}


def test_a_branch_a_tag_and_a_commit(checkout):
    """Each is a valid reference."""
    commit = checkout.git("rev-parse", "main")
    checkout.git("tag", "-m", "one", "v1")
    repository = Repository(checkout.root)
    assert {repository.base(name) for name in ("main", "origin/main", "v1", commit, commit[:8], "HEAD")} == {commit}


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("nowhere", "expected a commit that git knows, found 'nowhere'; `git branch --all` lists branches"),
        ("origin/nowhere", "found 'origin/nowhere'; run `git fetch origin nowhere` and try again"),
        ("there", "found 'there'; do you mean origin/there?"),
        ("0" * 40, "which GitHub sends as `before` of a new branch; compare with"),
        ("--all", "expected a commit that git knows, found '--all'"),
        ("", "expected a commit that git knows, found ''"),
        ("main:README.md", "expected a commit that git knows"),
    ],
)
def test_an_unknown_reference(checkout, reference, message):
    """The error says what to do about it."""
    checkout.git("update-ref", "refs/remotes/origin/there", "main")
    with pytest.raises(RepositoryError, match=message.replace("?", r"\?")):
        Repository(checkout.root).base(reference)


def shallow(checkout, tmp_path, *arguments):
    """A clone of the branch `work` with only its last commit."""
    checkout.write("README.md", "Other.\n")
    checkout.commit()
    checkout.git("clone", "--quiet", "--depth=1", *arguments, checkout.root.as_uri(), str(tmp_path / "shallow"))
    return Repository(tmp_path / "shallow")


def test_a_shallow_clone_that_lacks_the_branch(checkout, tmp_path):
    """The error has the command that deepens the clone, and the setting of the GitHub action."""
    with pytest.raises(
        RepositoryError, match=r"found 'origin/main'; this clone is shallow.*git fetch --unshallow.*fetch-"
    ):
        shallow(checkout, tmp_path).base("origin/main")


def test_a_shallow_clone_without_the_merge_base(checkout, tmp_path):
    """Both branches exist, but not their merge base."""
    checkout.git("checkout", "--quiet", "main")
    checkout.write("pyproject.toml")
    checkout.commit()
    checkout.git("checkout", "--quiet", "work")
    with pytest.raises(RepositoryError, match=r"origin/main and HEAD to have a common ancestor.*git fetch --unshallow"):
        shallow(checkout, tmp_path, "--no-single-branch").base("origin/main")


def test_a_shallow_clone_that_is_deep_enough(checkout, tmp_path):
    """A shallow clone with the merge base is enough."""
    repository = shallow(checkout, tmp_path)
    assert repository.changes(repository.base("HEAD")) == []


def test_histories_that_have_nothing_in_common(checkout):
    """There is no merge base."""
    checkout.git("checkout", "--quiet", "--orphan", "other")
    checkout.commit()
    with pytest.raises(RepositoryError, match="expected main and HEAD to have a common ancestor, found none; compare"):
        Repository(checkout.root).base("main")


def test_a_repository_without_a_commit(checkout):
    """HEAD is not a commit yet."""
    checkout.git("checkout", "--quiet", "--orphan", "other")
    with pytest.raises(RepositoryError, match="expected HEAD to be a commit, found none"):
        Repository(checkout.root).base("main")


def test_no_repository(tmp_path, monkeypatch):
    """The error has git's message."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(RepositoryError, match=r"expected a git repository around .*, found: .*not a git repo"):
        Repository(tmp_path)


def test_no_git(checkout, monkeypatch):
    """The error says what to install."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RepositoryError, match="expected the command git, found none"):
        Repository(checkout.root)

"""Marks of a merge."""

import subprocess

import pytest

from airnub_cli.check.conflicts import check_conflicts

CONFLICT = "one = 1\n<<<<<<< department\ntwo = 2\n=======\ntwo = 3\n>>>>>>> template\n"


@pytest.fixture
def in_git(house):
    """The house in git, with everything committed."""
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=house.root, check=True)
    return house


@pytest.mark.parametrize(
    "path",
    [
        "departments/alpha_dept/src/alpha_dept/flows/ingestion.py",
        "departments/alpha_dept/README.md",
        "departments/alpha_dept/prefect.yaml",
        "configs/departments.yaml",
        "pyproject.toml",
        "new file.txt",
    ],
)
def test_a_conflict_is_reported_once_with_its_line(in_git, path):
    """In any text file, tracked or new."""
    in_git.write(path, CONFLICT)
    [found] = in_git.told(check_conflicts(in_git.root))
    assert found.startswith(f"{path}:2: expected no conflict mark, found <<<<<<< of a merge; resolve the conflict")


def test_each_conflict_of_a_file(in_git):
    """At its first mark; marks that are left without the others count, too."""
    in_git.write("a.py", CONFLICT + CONFLICT + ">>>>>>> template\n")
    assert [one.line for one in check_conflicts(in_git.root)] == [2, 8, 13]


def test_line_ends_of_windows(in_git):
    """A mark is one there, too."""
    (in_git.root / "a.py").write_bytes(b"<<<<<<<\r\nx\r\n>>>>>>>\r\n")
    assert [one.line for one in check_conflicts(in_git.root)] == [1]


@pytest.mark.parametrize(
    "text", ["Title\n=======\n", "x <<<<<<< y\n", "<<<<<<<<<<<<<<\n", "\0<<<<<<< x\n", "text = '''\n  <<<<<<< x\n'''\n"]
)
def test_other_lines_like_it(in_git, text):
    """A heading, a line in the middle of which there are such characters, and bytes that are not text."""
    in_git.write("a.md", text)
    assert list(check_conflicts(in_git.root)) == []


def test_what_git_ignores_is_not_looked_at(in_git):
    """Such as environments and caches."""
    in_git.write(".gitignore", ".venv/\n")
    in_git.write(".venv/a.py", CONFLICT)
    assert list(check_conflicts(in_git.root)) == []


def test_settings_of_git_change_nothing(in_git):
    """Such as columns and full names, in a workspace below git's root."""
    for name in ("grep.column", "grep.fullName", "grep.lineNumber", "color.grep"):
        subprocess.run(
            ["git", "config", name, "always" if name == "color.grep" else "true"], cwd=in_git.root, check=True
        )
    in_git.write("packages/shared-things/a.py", CONFLICT)
    [found] = check_conflicts(in_git.root / "packages")
    assert (found.where, found.line) == (str(in_git.root / "packages/shared-things/a.py"), 2)


def test_outside_of_git_there_are_none(house):
    """Git makes the marks."""
    house.write("a.py", CONFLICT)
    assert list(check_conflicts(house.root)) == []

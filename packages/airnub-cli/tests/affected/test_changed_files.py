"""Files of members, and those that images are built by."""

import pytest

from airnub_cli.affected.changed_files import shortened, sorted_out, use_of
from airnub_cli.affected.members import complete
from airnub_cli.lock import load_lock


@pytest.mark.parametrize(
    ("path", "use"),
    [
        ("pyproject.toml", "source"),
        ("README.md", "source"),
        ("apt-packages.txt", "source"),
        ("src/alpha/data.csv", "source"),
        ("src/alpha/__pycache__/tasks.pyc", "tests"),
        ("Dockerfile", "image"),
        ("prefect.yaml", "deployment"),
        ("tests/test_it.py", "tests"),
        ("tests/README.md", "tests"),
        ("notes.md", "tests"),
    ],
)
def test_what_a_file_is_for(path, use):
    """Tests may read whatever lies in the folder."""
    assert use_of(path) == use


def test_files_are_sorted_out(checkout):
    """By member and by what they are for."""
    _, members = complete(checkout.root, load_lock((checkout.root / "uv.lock").read_text()), [])
    paths = [f"departments/alpha/{name}" for name in ("README.md", "src/a.py", "prefect.yaml")]
    touched = sorted_out(members, [*paths, "README.md"])
    assert touched.of == {("departments/alpha", "source"): paths[:2], ("departments/alpha", "deployment"): paths[2:]}
    assert touched.others == ["README.md"]


def test_a_submodule_is_all_of_its_member(checkout):
    """Git says that it moved, and not which of its files did."""
    _, members = complete(checkout.root, load_lock((checkout.root / "uv.lock").read_text()), [])
    assert sorted_out(members, ["departments/alpha"]).of == {("departments/alpha", "source"): ["departments/alpha"]}


def test_several_files_are_one_step():
    """The first by name, and how many more."""
    assert [shortened(["a"]), shortened(["a", "b"]), shortened(["a", "b", "c"])] == [
        "a", "a and 1 more file", "a and 2 more files",
    ]  # fmt: skip

"""Members."""

import pytest

from airnub_cli.affected.members import complete
from airnub_cli.lock import load_lock
from airnub_cli.workspace import WorkspaceError


def completed(checkout, *changed):
    """The lock and the members of a checkout in which files changed."""
    return complete(checkout.root, load_lock((checkout.root / "uv.lock").read_text()), changed)


def test_members_of_the_lock(checkout):
    """By folder; each is a department or a package."""
    _, members = completed(checkout)
    assert {folder: (one.kind, one.name) for folder, one in members.targets().items()} == {
        "departments/_template": ("department", "_template"),
        "departments/alpha": ("department", "alpha"),
        "departments/beta": ("department", "beta"),
        "packages/airnub-core": ("package", "airnub-core"),
        "packages/airnub-prefect": ("package", "airnub-prefect"),
    }
    assert members.unlocked == ()


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("departments/alpha/src/alpha/__init__.py", "departments/alpha"),
        ("departments/alpha/README.md", "departments/alpha"),
        ("departments/alphabet/README.md", None),
        ("departments/alpha", "departments/alpha"),
        ("departments/alp", None),
        ("README.md", None),
    ],
)
def test_whose_file_it_is(checkout, path, folder):
    """A folder's name is not the beginning of another's; the folder itself is a file where it is a submodule."""
    assert completed(checkout)[1].around(path) == folder


def test_a_member_that_nobody_has_locked(checkout):
    """It stands on what it declares, by any spelling of the names."""
    checkout.write(
        "departments/gamma/pyproject.toml",
        '[project]\nname = "Gamma_Team"\ndependencies = ["Airnub_Core[tables] >= 0", "joblib; os_name > \'3\'"]\n'
        '[project.optional-dependencies]\nmore = ["polars[all]~=2.0"]\n',
    )
    lock, members = completed(checkout, "departments/gamma/pyproject.toml")
    assert members.unlocked == ("gamma-team",)
    found = lock.slice("gamma-team")
    assert found.members == ("departments/gamma", "packages/airnub-core")
    assert "joblib" in found.text
    assert "polars" in found.text


@pytest.mark.parametrize(
    "path", ["tests/data/pyproject.toml", "departments/gamma/deep/pyproject.toml", "departments/none/pyproject.toml"]
)
def test_not_every_pyproject_is_one_of_a_member(checkout, path):
    """Only where the workspace looks for members, and only if it is there and says a name."""
    if "none" not in path:
        checkout.write(path, '[project]\nname = "gamma"\n')
    assert completed(checkout, path)[1].unlocked == ()


def test_a_member_that_is_locked_and_not_there(checkout):
    """It is none."""
    checkout.git("rm", "-r", "--quiet", "departments/beta")
    lock, members = completed(checkout)
    assert "departments/beta" not in members.packages
    assert lock.named("beta") == []


def test_a_pyproject_that_is_no_toml(checkout):
    """The error names the file."""
    checkout.write("departments/gamma/pyproject.toml", "[project\n")
    with pytest.raises(WorkspaceError, match=r"expected .*gamma/pyproject.toml to be TOML, but"):
        completed(checkout, "departments/gamma/pyproject.toml")

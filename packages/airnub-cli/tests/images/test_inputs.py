"""What goes into an image."""

import os

import pytest

from airnub_cli.images.base_images import Base
from airnub_cli.images.image import image_named
from airnub_cli.images.inputs import inputs
from airnub_cli.workspace import Workspace, WorkspaceError

ALPHA, PACKAGE = "departments/project_alpha", "packages/airnub-core"


@pytest.fixture
def changed(workspace):
    """Names of the inputs of project_alpha that something changes."""
    before = inputs(workspace, image_named(workspace, "project_alpha"), {})

    def look(environment=None):
        after = inputs(Workspace.around(workspace.root), image_named(workspace, "project_alpha"), environment or {})
        assert list(after) == list(before)
        return [name for name, value in after.items() if before[name] != value]

    return look


def test_each_part_has_a_name(workspace):
    """The department and what it stands on, and neither the command nor another department."""
    parts = inputs(workspace, image_named(workspace, "project_alpha"), {})
    assert list(parts) == [
        "Dockerfile", "base images", "build arguments", "locked dependencies",
        ALPHA, "packages/airnub-common", PACKAGE, "packages/airnub-data", "packages/airnub-prefect",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "part"),
    [
        (f"{ALPHA}/src/module.py", ALPHA),
        (f"{ALPHA}/src/new/deep.csv", ALPHA),
        (f"{ALPHA}/apt-packages.txt", ALPHA),
        (f"{ALPHA}/pyproject.toml", ALPHA),
        (f"{PACKAGE}/src/module.py", PACKAGE),
        ("infra/docker/Dockerfile", "Dockerfile"),
        ("infra/docker/install.sh", "Dockerfile"),
        (".dockerignore", "Dockerfile"),
    ],
)
def test_what_the_build_reads_counts(workspace, changed, path, part):
    """One edit changes one part."""
    file = workspace.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text((file.read_text() if file.exists() else "") + "# changed\n")
    assert changed() == [part]


@pytest.mark.parametrize(
    "path",
    [
        f"{ALPHA}/tests/test_module.py", f"{ALPHA}/prefect.yaml", f"{ALPHA}/src/__pycache__/module.pyc",
        "packages/airnub-cli/src/module.py", "departments/department_template/src/module.py", "README.md", ".env",
    ],
)  # fmt: skip
def test_what_is_not_in_the_image_does_not_count(workspace, changed, path):
    """Tests, caches, the command, other departments, secrets."""
    file = workspace.root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("# changed\n")
    assert changed() == []


def test_the_lock_counts_as_far_as_it_concerns_the_image(changed, lock_also):
    """A line for another department changes nothing."""
    lock_also("department-template")
    assert changed() == []
    lock_also("project-alpha")
    assert changed() == ["locked dependencies"]


def test_other_base_images(changed):
    """Whoever names another base builds another image."""
    assert changed({"PYTHON_IMAGE": "python:3.13-slim-trixie"}) == []
    assert changed({"PYTHON_IMAGE": "mirror.example/python:3.13-slim-trixie"}) == ["base images"]


def test_the_content_of_base_images_counts(workspace):
    """Not what they are called: a tag that moved is another image, the same content by another name is the same."""
    image = image_named(workspace, "project_alpha")

    def part(digest, environment=None):
        parts = inputs(workspace, image, environment or {}, lambda reference: Base(reference, digest))
        return parts["base images"]

    assert part("sha256:1") == part("sha256:1", {"PYTHON_IMAGE": "mirror.example/python:3.13"}) != part("sha256:2")


def test_the_mode_of_a_file_counts(workspace, changed):
    """What can be run is not what can be read."""
    (workspace.root / ALPHA / "src" / "module.py").chmod(0o755)
    assert changed() == [ALPHA]


def test_a_department_that_is_not_locked(workspace):
    """The error names the lock and the image."""
    path = workspace.root / "departments" / "project_alpha" / "pyproject.toml"
    path.write_text(path.read_text().replace('name = "project-alpha"', 'name = "project-beta"', 1))
    with pytest.raises(WorkspaceError, match=r"expected uv\.lock to hold project-beta, found no such package"):
        inputs(workspace, image_named(Workspace.around(workspace.root), "project-beta"), {})


def test_a_file_whose_name_is_no_text(workspace, changed):
    """Git and the file system take any bytes; so does the digest."""
    (workspace.root / ALPHA / "src" / os.fsdecode(b"\xff.csv")).write_text("1\n")
    assert changed() == [ALPHA]

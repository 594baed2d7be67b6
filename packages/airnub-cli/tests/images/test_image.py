"""Images.
What goes into an image.
The digest of an image.
"""

import os
import re

import pytest

from airnub_cli.images.docker_engine import Base
from airnub_cli.images.image import ImageDigests, digest_of, image_named, images, inputs
from airnub_cli.lock import load_lock
from airnub_cli.workspace import Workspace, WorkspaceError


def test_a_department_has_one_and_the_server_and_workers_another(workspace):
    """Each by the name of its distribution; `prefect` is last."""
    assert list(images(workspace)) == ["department-template", "project-alpha", "prefect"]


def test_the_template_has_none(workspace):
    """A folder whose name begins with `_` is no department to deploy."""
    folder = workspace.root / "departments"
    (folder / "department_template").rename(folder / "_template")
    assert list(images(Workspace.around(workspace.root))) == ["project-alpha", "prefect"]


def test_one_dockerfile_for_all_that_have_none(workspace):
    """A department with a Dockerfile of its own is built by that."""
    (workspace.root / "departments" / "project_alpha" / "Dockerfile").write_text("FROM scratch AS department\n")
    found = images(workspace)
    assert found["project-alpha"].dockerfile == "departments/project_alpha/Dockerfile"
    assert found["department-template"].dockerfile == found["prefect"].dockerfile == "infra/docker/Dockerfile"


@pytest.mark.parametrize("name", ["project-alpha", "project_alpha"])
def test_a_department_has_two_names(workspace, name):
    """Its distribution's and its folder's."""
    assert image_named(workspace, name).arguments == {"DEPARTMENT": "project_alpha"}


def test_workers_on_kubernetes_have_one_by_name_alone(workspace):
    """What Compose runs does not wait for it; it takes a slice of the lock of its own."""
    image = image_named(workspace, "prefect-kubernetes")
    assert image.name not in images(workspace)
    assert (image.dockerfile, image.target) == ("infra/docker/Dockerfile", "prefect-kubernetes")
    lock = load_lock((workspace.root / "uv.lock").read_text())
    assert "aiohttp" in lock.slice(image.package, image.extras).text
    prefect = image_named(workspace, "prefect")
    assert "aiohttp" not in lock.slice(prefect.package, prefect.extras).text


def test_an_unknown_name(workspace):
    """The error says which there are."""
    with pytest.raises(WorkspaceError, match="found 'alpha'; there are department-template, project-alpha, prefect, "):
        image_named(workspace, "alpha")


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
    with pytest.raises(WorkspaceError, match=r"expected project-beta in uv\.lock, found no such package"):
        inputs(workspace, image_named(Workspace.around(workspace.root), "project-beta"), {})


def test_a_file_whose_name_is_no_text(workspace, changed):
    """Git and the file system take any bytes; so does the digest."""
    (workspace.root / ALPHA / "src" / os.fsdecode(b"\xff.csv")).write_text("1\n")
    assert changed() == [ALPHA]


def test_it_is_a_tag(workspace):
    """Hex, by any name of the department, and the same each time."""
    digest = ImageDigests(workspace)("project_alpha")
    assert re.fullmatch(r"[0-9a-f]{32}", digest)
    assert digest == ImageDigests(workspace)("project-alpha")
    assert digest != ImageDigests(workspace)("department-template")


def test_an_edit_changes_its_own_department(workspace):
    """And no other."""
    before = [ImageDigests(workspace)(name) for name in ("project_alpha", "department_template", "prefect")]
    (workspace.root / "departments" / "project_alpha" / "src" / "module.py").write_text("ANSWER = 43\n")
    after = [ImageDigests(workspace)(name) for name in ("project_alpha", "department_template", "prefect")]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True, True]


def test_an_edit_of_a_shared_package_changes_all(workspace):
    """For it is in all of them."""
    before = {ImageDigests(workspace)(name) for name in ("project_alpha", "department_template", "prefect")}
    (workspace.root / "packages" / "airnub-core" / "src" / "module.py").write_text("ANSWER = 43\n")
    assert before.isdisjoint(
        ImageDigests(workspace)(name) for name in ("project_alpha", "department_template", "prefect")
    )


def test_a_line_of_the_lock_changes_whom_it_concerns(workspace, lock_also):
    """Not the others."""
    before = [ImageDigests(workspace)(name) for name in ("project_alpha", "department_template", "prefect")]
    lock_also("department-template")
    after = [ImageDigests(workspace)(name) for name in ("project_alpha", "department_template", "prefect")]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]


def test_no_such_department(workspace):
    """An error with the names that there are."""
    with pytest.raises(WorkspaceError, match="found 'nobody'"):
        ImageDigests(workspace)("nobody")


def test_the_order_of_parts_does_not_matter():
    """Only what they are."""
    assert digest_of({"a": "1", "b": "2"}) == digest_of({"b": "2", "a": "1"}) != digest_of({"a": "2", "b": "1"})

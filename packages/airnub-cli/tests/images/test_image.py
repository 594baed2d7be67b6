"""Images."""

import pytest

from airnub_cli.images.image import image_named, images
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

"""What bake is told."""

import subprocess

import yaml

from airnub_cli.images.bake import DIGEST, BuildTarget, definition
from airnub_cli.images.image import image_named


def told(workspace, name="project-alpha"):
    wanted = BuildTarget(image_named(workspace, name), f"registry.example/{name}:abc", "abc", {"Dockerfile": "1"})
    return definition(workspace, [wanted])["target"][name]


def test_a_target(workspace):
    """Which Dockerfile, which stage, for whom, under which name, and what it was built from."""
    target = told(workspace)
    assert (target["dockerfile"], target["target"]) == ("infra/docker/Dockerfile", "department")
    assert target["args"]["DEPARTMENT"] == "project_alpha"
    assert target["args"]["PYTHON_IMAGE"].startswith("python:3.")
    assert target["tags"] == ["registry.example/project-alpha:abc"]
    assert target["labels"][DIGEST] == "abc"
    assert target["labels"]["org.opencontainers.image.version"] == "0.1.0"


def test_the_group_holds_all(workspace):
    """So that shared layers are built once."""
    wanted = [BuildTarget(image_named(workspace, name), name, "", {}) for name in ("project-alpha", "prefect")]
    assert definition(workspace, wanted)["group"]["default"]["targets"] == ["project-alpha", "prefect"]


def test_an_image_says_whose_it_is(workspace):
    """As the registry says it; `prefect` is nobody's."""
    [registered] = yaml.safe_load((workspace.root / "configs" / "departments.yaml").read_text())["departments"]
    wanted = [BuildTarget(image_named(workspace, name), name, "", {}) for name in ("project-alpha", "prefect")]
    targets = definition(workspace, wanted)["target"]
    labels = targets["project-alpha"]["labels"]
    assert (labels["airnub.department"], labels["airnub.owner"]) == (registered["id"], registered["owner"])
    assert "airnub.owner" not in targets["prefect"]["labels"]


def test_bases_are_pinned_as_they_were_found(workspace):
    """So that what is built is what its digest says."""
    wanted = BuildTarget(image_named(workspace, "prefect"), "x", "", {}, {"PYTHON_IMAGE": "python:3.13@sha256:1"})
    arguments = definition(workspace, [wanted])["target"]["prefect"]["args"]
    assert arguments["PYTHON_IMAGE"] == "python:3.13@sha256:1"
    assert arguments["UV_IMAGE"].startswith("ghcr.io/astral-sh/uv:")


def git(workspace, *arguments):
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=workspace.root, check=True, capture_output=True)


def test_the_revision_says_whether_something_is_not_committed(workspace):
    """Of a checkout its commit, and that there are changes; without git nothing is made up."""
    assert "org.opencontainers.image.revision" not in told(workspace)["labels"]
    git(workspace, "init")
    git(workspace, "add", "-A")
    git(workspace, "commit", "-m", "all")
    clean = told(workspace)["labels"]["org.opencontainers.image.revision"]
    assert len(clean) == 40
    (workspace.root / "README.md").write_text("new\n")
    assert told(workspace)["labels"]["org.opencontainers.image.revision"] == f"{clean}-changed"


def test_the_source_holds_no_password_and_no_folder(workspace):
    """Only what a stranger could open too."""
    git(workspace, "init")
    git(workspace, "remote", "add", "origin", "https://me:hunter2@git.example/team/airnub.git")
    assert told(workspace)["labels"]["org.opencontainers.image.source"] == "https://git.example/team/airnub.git"
    git(workspace, "remote", "set-url", "origin", "/somewhere/on/this/machine")
    assert "org.opencontainers.image.source" not in told(workspace)["labels"]

"""What bake is told.
What is built, and why.
"""

import subprocess

import pytest
import yaml

from airnub_cli.images.build import DIGEST, BuildTarget, build_plan, carry_out, definition
from airnub_cli.images.docker_engine import Base
from airnub_cli.images.image import image_named, images


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


@pytest.fixture
def build(workspace, engine):
    """Plan and carry out; what was decided for each image, and why."""

    def run(**options):
        plans = build_plan(workspace, images(workspace).values(), engine, **options)
        carry_out(workspace, plans, engine, push=options.get("push", False))
        return {one.wanted.image.name: (one.action, one.reason) for one in plans}

    return run


def test_what_is_missing_is_built_in_one_go(build, engine):
    """All of it, and the second time nothing."""
    assert set(build().values()) == {("build", "there is no such image")}
    assert engine.baked == [["department-template", "prefect", "project-alpha"]]
    assert set(build().values()) == {("keep", "its inputs are the same")}
    assert len(engine.baked) == 1


def test_the_reason_names_what_changed(build, engine, workspace, lock_also):
    """By part; departments that it does not concern are left alone."""
    build()
    lock_also("project-alpha")
    (workspace.root / "departments" / "project_alpha" / "src" / "module.py").write_text("ANSWER = 43\n")
    found = build()
    assert found["project-alpha"] == ("build", "changed: locked dependencies, departments/project_alpha")
    assert found["department-template"][0] == found["prefect"][0] == "keep"
    assert engine.baked[-1] == ["project-alpha"]


def test_an_image_of_compose_does_not_say_what_it_was_built_from(build, engine):
    """So it is built."""
    engine.local["airnub/prefect:local"] = {}
    assert build()["prefect"] == ("build", "it has no label with its inputs; Compose or a different tool built it")


def test_a_registry_is_asked_by_content(build, engine, workspace):
    """What it has is never built again, also when it is what was there before an edit and its taking back."""
    names = {"registry": "registry.example/airnub", "push": True}
    assert set(build(**names).values()) == {("build", "the registry does not have it")}
    module = workspace.root / "departments" / "project_alpha" / "src" / "module.py"
    before = module.read_text()
    module.write_text("ANSWER = 43\n")
    assert build(**names)["project-alpha"][0] == "build"
    module.write_text(before)
    assert set(build(**names).values()) == {("keep", "the registry has it")}
    assert engine.local == {}


def test_without_pushing_the_registry_is_not_asked(build):
    """Which the reason says."""
    names = {"registry": "registry.example/airnub"}
    assert build(**names)["prefect"] == (
        "build",
        "there is no such image; --push looks in the registry instead",
    )
    assert build(**names)["prefect"] == (
        "keep",
        "its inputs are the same; --push looks in the registry instead",
    )


def test_what_is_built_on_is_what_was_looked_up(build, engine):
    """Pinned, and part of the tag."""
    names = {"registry": "registry.example/airnub", "push": True}
    build(**names, find_base=lambda reference: Base(reference, "sha256:1"))
    assert {one["args"]["PYTHON_IMAGE"].partition("@")[2] for one in engine.targets.values()} == {"sha256:1"}
    assert {one[0] for one in build(**names, find_base=lambda reference: Base(reference, "sha256:2")).values()} == {
        "build"
    }

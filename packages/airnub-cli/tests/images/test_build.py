"""What is built, and why."""

import pytest

from airnub_cli.images.base_images import Base
from airnub_cli.images.build import build_plan, carry_out
from airnub_cli.images.image import images


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
    assert set(build().values()) == {("keep", "built from the same")}
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
    assert build()["prefect"] == ("build", "it does not say what it was built from; Compose or somebody else built it")


def test_a_registry_is_asked_by_content(build, engine, workspace):
    """What it has is never built again, also when it is what was there before an edit and its taking back."""
    names = {"registry": "registry.example/airnub", "push": True}
    assert set(build(**names).values()) == {("build", "its registry does not have it")}
    module = workspace.root / "departments" / "project_alpha" / "src" / "module.py"
    before = module.read_text()
    module.write_text("ANSWER = 43\n")
    assert build(**names)["project-alpha"][0] == "build"
    module.write_text(before)
    assert set(build(**names).values()) == {("keep", "its registry has it")}
    assert engine.local == {}


def test_without_pushing_the_registry_is_not_asked(build):
    """Which the reason says."""
    names = {"registry": "registry.example/airnub"}
    assert build(**names)["prefect"] == ("build", "there is no such image; its registry was not asked, --push does")
    assert build(**names)["prefect"] == ("keep", "built from the same; its registry was not asked, --push does")


def test_what_is_built_on_is_what_was_looked_up(build, engine):
    """Pinned, and part of the tag."""
    names = {"registry": "registry.example/airnub", "push": True}
    build(**names, find_base=lambda reference: Base(reference, "sha256:1"))
    assert {one["args"]["PYTHON_IMAGE"].partition("@")[2] for one in engine.targets.values()} == {"sha256:1"}
    assert {one[0] for one in build(**names, find_base=lambda reference: Base(reference, "sha256:2")).values()} == {
        "build"
    }

"""The digest of an image."""

import re

import pytest

from airnub_cli.images.digest import ImageDigests, digest_of
from airnub_cli.workspace import WorkspaceError


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

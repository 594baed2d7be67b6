"""Files: a changed file of a member, or one that images are built by, and whom that concerns."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from airnub_cli.affected.graph import Graph
from airnub_cli.affected.impacts import Concern, Impacts, Target
from airnub_cli.affected.members import Members, prefect_image
from airnub_cli.images.image import DOCKERFILE, dockerfile_of
from airnub_cli.images.inputs import is_recipe, is_source

_Use = Literal["source", "image", "deployment", "tests"]
_CONCERNS = {
    "image": {Concern.IMAGE},
    "deployment": {Concern.DEPLOYMENT},
    "tests": {Concern.TESTS},
}


@dataclass(slots=True)
class Touched:
    """Changed files, by member and by what they are for."""

    of: dict[tuple[str, _Use], list[str]] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    """Those of no member."""


def sorted_out(members: Members, paths: Iterable[str]) -> Touched:
    """Changed files by member and by what they are for."""
    touched = Touched()
    for path in paths:
        folder = members.around(path)
        if folder is None:
            touched.others.append(path)
        else:
            use = "source" if path == folder else use_of(path.removeprefix(f"{folder}/"))
            touched.of.setdefault((folder, use), []).append(path)
    return touched


def use_of(path: str) -> _Use:
    """What a file of a member is for.

    Args:
        path: relative to the member's folder.
    """
    if is_source(path):
        return "source"
    if path == "Dockerfile":
        return "image"
    # Everything else may be read by the member's own tests.
    return "deployment" if path == "prefect.yaml" else "tests"


def tell_members(findings: Impacts, graph: Graph, members: Members, touched: Touched, new: Iterable[str]) -> None:
    """Say whom changed files of members concern.

    Args:
        findings: where it is said.
        graph: who stands on whom.
        members: all of them.
        touched: changed files.
        new: folders of members that were not there before.
    """
    targets, new = members.targets(), set(new)
    for folder in sorted(new):
        graph.tell(findings, members.packages[folder].node(), f"{folder} is new")
        findings.add(targets[folder], [f"{folder} is new"], Concern)
    for (folder, use), paths in touched.of.items():
        if folder in new:
            continue
        target = targets[folder]
        if use == "source":
            graph.tell(findings, members.packages[folder].node(), shortened(paths), target.name)
        elif use == "deployment" and Concern.DEPLOYMENT not in target.can:
            findings.add(target, [shortened(paths)], {Concern.TESTS})
        else:
            findings.add(target, [shortened(paths)], _CONCERNS[use])


def tell_images(findings: Impacts, root: Path, members: Members, paths: Sequence[str]) -> set[str]:
    """Say which images are built by changed files of no member.

    Args:
        findings: where it is said.
        root: of the workspace.
        members: all of them.
        paths: changed files.

    Returns:
        Those of them that images are built by.
    """
    # Without a Dockerfile of its own an image is built by every recipe, so this asks for no department's first.
    recipes = [path for path in paths if is_recipe(path, DOCKERFILE)]
    if not recipes:
        return set()
    findings.add(prefect_image(), [shortened(recipes)], {Concern.IMAGE})
    for folder, target in members.targets().items():
        if Concern.IMAGE in target.can:
            dockerfile = dockerfile_of(root, folder)
            if own := [path for path in recipes if is_recipe(path, dockerfile)]:
                findings.add(target, [shortened(own)], {Concern.IMAGE})
    return set(recipes)


_TESTS_OF_THE_WORKSPACE = (
    ("tests/test_documentation.py", re.compile(r"\.md$")),
    ("tests/test_workflows.py", re.compile(r"^\.(ci|github)/")),
    ("tests", re.compile(r"^tests/")),
)
"""Tests of the root that read files which no member has, and those files."""


def tell_workspace(findings: Impacts, paths: Iterable[str]) -> set[str]:
    """Say which tests of the root's `tests/` read changed files: pages, workflows with their scripts, the tests.

    Args:
        findings: where it is said.
        paths: all changed files.

    Returns:
        Those of them that such tests read.
    """
    used: set[str] = set()
    for name, pattern in _TESTS_OF_THE_WORKSPACE:
        if read := [path for path in paths if pattern.search(path)]:
            findings.add(Target("workspace", name, frozenset({Concern.TESTS})), [shortened(read)], {Concern.TESTS})
            used.update(read)
    return used


def shortened(paths: Sequence[str]) -> str:
    """Several files as one step of a chain."""
    more = len(paths) - 1
    return paths[0] + (f" and {more} more file{'s' if more > 1 else ''}" if more else "")

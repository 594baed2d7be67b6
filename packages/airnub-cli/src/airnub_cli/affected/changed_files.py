"""Changed files of members, images, contracts, the root's pyproject.toml and the lock, and what each affects (`rules`).

The root's pyproject.toml names every member in several places, so a new member changes it without affecting the tests
of the others. The lock has the members and their dependencies, and linters check the whole workspace in any case.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from airnub_cli.affected.graph import Concern, Graph, Impacts, Members, Target, prefect_image
from airnub_cli.images.image import DOCKERFILE, dockerfile_of, is_recipe, is_source
from airnub_cli.lock import Lock, Node, Package


@dataclass(frozen=True, slots=True)
class PackageDifference:
    """A package, or an extra or a group of it, that differs between two locks."""

    node: Node
    what: str
    """The difference in words: `polars 2.1 → 2.2`."""


def differences(before: Lock, after: Lock) -> Iterator[PackageDifference]:
    """Compare two locks; only differences that change installed packages are reported.

    New and removed packages are reported at the packages that now need them or no longer need them.

    Args:
        before: the previous lock.
        after: the present lock.

    Yields:
        A difference for each package, extra or group that both locks have.
    """
    names = sorted({one.name for one in after.packages})
    counterparts = [pair for name in names for pair in _pairs(before, after, name)]
    identities = {new.node(): old.node() for new, old in counterparts}
    for new, old in counterparts:
        if (what := _itself(old, new)) is not None:
            yield PackageDifference(new.node(), what)
        for part in sorted({"", *old.parts, *new.parts}):
            # A package that itself differs is reported once, with everything that depends on it.
            if (part or what is None) and (said := _needs(before, old, after, new, part, identities)) is not None:
                yield PackageDifference(new.node(part), f"{new.name}{part} {said}")


def _pairs(before: Lock, after: Lock, name: str) -> Iterator[tuple[Package, Package]]:
    """Pair the packages of a name in both locks: by version and source, by version, else in the order of the lock."""
    old, new = list(before.named(name)), list(after.named(name))
    for same in (lambda one: (one.version, one.source), lambda one: one.version):
        for one in list(new):
            was = next((other for other in old if same(other) == same(one)), None)
            if was is not None:
                yield one, was
                old.remove(was)
                new.remove(one)
    if len(old) == len(new):
        yield from zip(new, old, strict=True)


def _itself(old: Package, new: Package) -> str | None:
    if new.folder is not None:
        return f"{new.name} moved to {new.folder}" if old.folder != new.folder else None
    if old.version != new.version:
        return f"{new.name} {old.version} → {new.version}"
    if old.origin != new.origin:
        return f"{new.name} {new.version} from a different source"
    if sorted(old.hashes) != sorted(new.hashes):
        return f"{new.name} {new.version}, different files"
    return None


def _needs(
    before: Lock, old: Package, after: Lock, new: Package, part: str, identities: dict[Node, Node]
) -> str | None:
    was = {(edge.target, edge.marker) for edge in before.edges(old, part)}
    now = {(_was(edge.target, identities), edge.marker) for edge in after.edges(new, part)}
    came, went = _names(now - was), _names(was - now)
    said = [
        f"{verb} {', '.join(sorted(names))}"
        for verb, names in (
            ("now needs", came - went), ("no longer needs", went - came), ("needs differently", came & went),
        )
        if names
    ]  # fmt: skip
    return "; ".join(said) or None


def _was(node: Node, identities: dict[Node, Node]) -> Node:
    return identities.get(node._replace(part=""), node)._replace(part=node.part)


def _names(edges: set[tuple[Node, str]]) -> set[str]:
    return {f"{node.name}{node.part}" for node, _ in edges}


_CONTRACT = re.compile(r"departments/(?P<department>[^/]+)/contracts/(?P<name>[^/]+)\.v(?P<version>\d+)\.yaml")


def add_readers(findings: Impacts, root: Path, targets: Mapping[str, Target], paths: Iterable[str]) -> None:
    """Add the departments that read changed contracts.

    Args:
        findings: collects the impacts.
        root: of the workspace.
        targets: members by folder.
        paths: changed files; a deleted contract counts as changed.
    """
    for path in paths:
        if (match := _CONTRACT.fullmatch(path)) is None:
            continue
        # It imports Pydantic, which takes longer than everything else here.
        from airnub_cli.data_contracts.publications import readers

        department, what = match["department"], (f"{match['department']}/{match['name']}", int(match["version"]))
        for reader in readers(root, department):
            target = targets.get(f"departments/{reader.department}")
            if target is not None and (reader.contract, reader.version) == what:
                findings.add(target, [path, department], {Concern.TESTS})


FILE = "pyproject.toml"
_OF_THE_WHOLE = ("importlinter", "mypy", "ruff")
"""Tools whose settings do not affect tests."""
_IN_THE_LOCK = ("sources", "workspace")


def concerns_tests(before: str, after: str) -> bool:
    """Whether a change of the root's pyproject.toml affects the tests of all members; else it affects none.

    Args:
        before: its previous text.
        after: its present text.
    """
    try:
        return _of_tests(before) != _of_tests(after)
    except tomllib.TOMLDecodeError:
        return True


def _of_tests(text: str) -> dict[str, Any]:
    whole = tomllib.loads(text)
    # Dependencies of the workspace itself: its commands, and the tools of `.ci/run`.
    whole.pop("dependency-groups", None)
    project, tools = whole.pop("project", {}), whole.get("tool", {})
    for name in _OF_THE_WHOLE:
        tools.pop(name, None)
    for name in _IN_THE_LOCK:
        tools.get("uv", {}).pop(name, None)
    return whole | {"project": project.get("requires-python")}


_Use = Literal["source", "image", "deployment", "tests"]
_CONCERNS = {
    "image": {Concern.IMAGE},
    "deployment": {Concern.DEPLOYMENT},
    "tests": {Concern.TESTS},
}


@dataclass(slots=True)
class Touched:
    """Changed files by member and use."""

    of: dict[tuple[str, _Use], list[str]] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    """Files that belong to no member."""


def by_member_and_use(members: Members, paths: Iterable[str]) -> Touched:
    """Group changed files by member and use."""
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
    """The use of a file of a member: `source`, `image`, `deployment` or `tests`.

    Args:
        path: relative to the member's folder.
    """
    if is_source(path):
        return "source"
    if path == "Dockerfile":
        return "image"
    # Everything else may be read by the member's own tests.
    return "deployment" if path == "prefect.yaml" else "tests"


def add_members(findings: Impacts, graph: Graph, members: Members, touched: Touched, new: Iterable[str]) -> None:
    """Add the targets that changed files of members affect.

    Args:
        findings: collects the impacts.
        graph: the dependents of each package.
        members: all members.
        touched: the changed files.
        new: folders of new members.
    """
    targets, new = members.targets(), set(new)
    for folder in sorted(new):
        graph.add_dependents(findings, members.packages[folder].node(), f"{folder} is new")
        findings.add(targets[folder], [f"{folder} is new"], Concern)
    for (folder, use), paths in touched.of.items():
        if folder in new:
            continue
        target = targets[folder]
        if use == "source":
            graph.add_dependents(findings, members.packages[folder].node(), shortened(paths), target.name)
        elif use == "deployment" and Concern.DEPLOYMENT not in target.can:
            findings.add(target, [shortened(paths)], {Concern.TESTS})
        else:
            findings.add(target, [shortened(paths)], _CONCERNS[use])


def add_images(findings: Impacts, root: Path, members: Members, paths: Sequence[str]) -> set[str]:
    """Add the images that are built from changed files outside of the members.

    Args:
        findings: collects the impacts.
        root: of the workspace.
        members: all members.
        paths: changed files.

    Returns:
        The changed files that images are built from.
    """
    # A Dockerfile of a department is in its folder, so without a shared file of the build no department is affected.
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
"""Tests of the root that read files outside of the members, with patterns of these files."""


def add_workspace_tests(findings: Impacts, paths: Iterable[str]) -> set[str]:
    """Add the tests of the root's `tests/` that read changed files: pages, workflows with their scripts, the tests.

    Args:
        findings: collects the impacts.
        paths: all changed files.

    Returns:
        The changed files that these tests read.
    """
    used: set[str] = set()
    for name, pattern in _TESTS_OF_THE_WORKSPACE:
        if read := [path for path in paths if pattern.search(path)]:
            findings.add(Target("workspace", name, frozenset({Concern.TESTS})), [shortened(read)], {Concern.TESTS})
            used.update(read)
    return used


def shortened(paths: Sequence[str]) -> str:
    """Shorten a list of files to one step of a chain: the first, and the number of the others."""
    more = len(paths) - 1
    return paths[0] + (f" and {more} more file{'s' if more > 1 else ''}" if more else "")

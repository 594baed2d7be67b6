"""Changed files of members, images, contracts, the root's pyproject.toml and the lock, and what each affects.

The root's pyproject.toml names every member in several places, so a new one changes it; that is no reason to test all
others. Which members there are, and what they install, is in the lock; linters look at the whole in any case.
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
    """A package, or an extra or a group of it, that is not what it was."""

    node: Node
    what: str
    """For people: `polars 2.1 → 2.2`."""


def differences(before: Lock, after: Lock) -> Iterator[PackageDifference]:
    """What a lock says otherwise, as far as somebody installs other things by it.

    What is new or gone is told of those who need it now or no longer: nobody gets it otherwise.

    Args:
        before: as it was.
        after: as it is.

    Yields:
        One for each package, extra or group that both have.
    """
    names = sorted({one.name for one in after.packages})
    counterparts = [pair for name in names for pair in _pairs(before, after, name)]
    identities = {new.node(): old.node() for new, old in counterparts}
    for new, old in counterparts:
        if (what := _itself(old, new)) is not None:
            yield PackageDifference(new.node(), what)
        for part in sorted({"", *old.parts, *new.parts}):
            # Where the package is another one already, all that needs it is told so.
            if (part or what is None) and (said := _needs(before, old, after, new, part, identities)) is not None:
                yield PackageDifference(new.node(part), f"{new.name}{part} {said}")


def _pairs(before: Lock, after: Lock, name: str) -> Iterator[tuple[Package, Package]]:
    """Packages of that name, each with what it was: the same version, else the one that went when it came."""
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
        return f"{new.name} {new.version} from elsewhere"
    if sorted(old.hashes) != sorted(new.hashes):
        return f"{new.name} {new.version}, other files"
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
            ("now needs", came - went), ("no longer needs", went - came), ("otherwise needs", came & went),
        )
        if names
    ]  # fmt: skip
    return "; ".join(said) or None


def _was(node: Node, identities: dict[Node, Node]) -> Node:
    return identities.get(node._replace(part=""), node)._replace(part=node.part)


def _names(edges: set[tuple[Node, str]]) -> set[str]:
    return {f"{node.name}{node.part}" for node, _ in edges}


_CONTRACT = re.compile(r"departments/(?P<department>[^/]+)/contracts/(?P<name>[^/]+)\.v(?P<version>\d+)\.yaml")


def tell_readers(findings: Impacts, root: Path, targets: Mapping[str, Target], paths: Iterable[str]) -> None:
    """Say whom changed contracts concern besides the department that publishes.

    Args:
        findings: where it is said.
        root: of the workspace.
        targets: members by folder.
        paths: changed files; of a contract that is gone, too.
    """
    for path in paths:
        if (match := _CONTRACT.fullmatch(path)) is None:
            continue
        # It brings Pydantic, which takes longer than all the rest.
        from airnub_cli.data_contracts.publications import readers

        department, what = match["department"], (f"{match['department']}/{match['name']}", int(match["version"]))
        for reader in readers(root, department):
            target = targets.get(f"departments/{reader.department}")
            if target is not None and (reader.contract, reader.version) == what:
                findings.add(target, [path, department], {Concern.TESTS})


FILE = "pyproject.toml"
_OF_THE_WHOLE = ("importlinter", "mypy", "ruff")
"""Tools that are no part of tests."""
_IN_THE_LOCK = ("sources", "workspace")


def concerns_tests(before: str, after: str) -> bool:
    """Whether a change of the root pyproject.toml is about the tests of all members; else it is about nobody's.

    Args:
        before: its text as it was.
        after: as it is.
    """
    try:
        return _of_tests(before) != _of_tests(after)
    except tomllib.TOMLDecodeError:
        return True


def _of_tests(text: str) -> dict[str, Any]:
    whole = tomllib.loads(text)
    # What the workspace itself needs: its own commands, and what `.ci/run` checks with.
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

"""The dependency graph of the workspace: targets with reasons, members of the lock, and their dependents."""

import re
import tomllib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, NamedTuple

from airnub_cli.images.image import PREFECT
from airnub_cli.lock import Dependency, Lock, Node, Package
from airnub_cli.workspace import WorkspaceError, normalized

Kind = Literal["department", "package", "image", "workspace"]
ARROW = " → "


class Concern(StrEnum):
    """A kind of work that a change makes necessary again."""

    IMAGE = "image"
    """Build the image: its digest differs."""
    TESTS = "tests"
    DEPLOYMENT = "deployment"
    """Deploy: settings or schedules on the Prefect server differ, or the name of the image does."""


@dataclass(frozen=True, slots=True)
class Target:
    """A department, package, image or test file of the workspace that a change may affect."""

    kind: Kind
    name: str
    """The folder of a department, the distribution of a package, or a test file of the workspace."""
    can: frozenset[Concern]
    """The kinds of work that apply to it: the template has only tests, the image `prefect` only its build."""

    @property
    def is_template(self) -> bool:
        """Whether it is a department that is neither built nor deployed."""
        return self.kind == "department" and Concern.IMAGE not in self.can


@dataclass(slots=True)
class Impact:
    """An affected target with its reasons."""

    target: Target
    reasons: dict[str, set[Concern]] = field(default_factory=dict)
    """Chains of names from the change to the target, each with the work that it makes necessary."""

    @property
    def concerns(self) -> list[Concern]:
        """The concerns of all reasons, in a fixed order."""
        found = {concern for concerns in self.reasons.values() for concern in concerns}
        return [concern for concern in Concern if concern in found]


class Impacts:
    """All affected targets."""

    def __init__(self) -> None:
        """Start without any."""
        self._found: dict[Target, Impact] = {}

    def add(self, target: Target, steps: Iterable[str], concerns: Iterable[Concern]) -> None:
        """Add a reason why a target is affected.

        Args:
            target: the affected target.
            steps: the chain from the change to the target; the name of the target is appended.
            concerns: the work that becomes necessary. A new image is also deployed, since deployments name images by
                digest.
        """
        wanted = set(concerns)
        if Concern.IMAGE in wanted:
            wanted.add(Concern.DEPLOYMENT)
        wanted &= target.can
        if wanted:
            chain = [*steps, target.name]
            said = shown(ARROW.join(step for at, step in enumerate(chain) if at == 0 or step != chain[at - 1]))
            self._found.setdefault(target, Impact(target)).reasons.setdefault(said, set()).update(wanted)

    def __iter__(self) -> Iterator[Impact]:
        """Departments, packages, images, tests of the workspace; each by name."""
        order = ["department", "package", "image", "workspace"]
        return iter(sorted(self._found.values(), key=lambda one: (order.index(one.target.kind), one.target.name)))


def shown(text: str) -> str:
    """Escape control characters in a text with file names, so that it is one line on a terminal and valid JSON."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


_PREFECT_PACKAGE = "airnub-prefect"
_REQUIREMENT = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[(?P<extras>[^\]]*)\])?")


@dataclass(frozen=True, slots=True)
class Members:
    """The members of the workspace, by folder."""

    packages: dict[str, Package]
    unlocked: tuple[str, ...]
    """Names of members that are not in `uv.lock`."""

    def around(self, path: str) -> str | None:
        """Find the folder of the member that a file belongs to, or that a git submodule is."""
        parts = path.split("/")
        folders = ("/".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((folder for folder in folders if folder in self.packages), None)

    def targets(self) -> dict[str, Target]:
        """The targets that changes may affect, by folder."""
        return {folder: target_of(folder, package) for folder, package in self.packages.items()}


def target_of(folder: str, package: Package) -> Target:
    """The target of a member."""
    parent, _, name = folder.rpartition("/")
    if not parent.endswith("departments"):
        return Target("package", package.name, frozenset({Concern.TESTS}))
    # The template is tested, and neither built nor deployed.
    return Target("department", name, frozenset({Concern.TESTS} if name.startswith("_") else Concern))


def prefect_image() -> Target:
    """The image of the server and the workers."""
    return Target("image", PREFECT, frozenset({Concern.IMAGE}))


def is_prefect_image(name: str, part: str) -> bool:
    """Whether the image of the server and the workers installs this package, or this extra of it."""
    return name == _PREFECT_PACKAGE and part in {"", "[worker]"}


def _none_tracked(_paths: Iterable[str]) -> set[str]:
    return set()


def complete(
    root: Path, lock: Lock, changed: Collection[str], tracked: Callable[[list[str]], set[str]] = _none_tracked
) -> tuple[Lock, Members]:
    """Add new members to a lock that does not have them yet, since a change affects them too.

    Args:
        root: of the workspace.
        lock: the content of `uv.lock`.
        changed: changed paths; a new member's pyproject.toml is among them.
        tracked: returns which of some missing files git tracks: a sparse checkout omits files of existing members.

    Returns:
        A lock with all members, and the members.

    Raises:
        WorkspaceError: a pyproject.toml is not valid TOML.
    """
    known = lock.members()
    files = {folder: f"{folder}/pyproject.toml" for folder in known}
    missing = [file for file in files.values() if not (root / file).is_file()]
    elsewhere = tracked([file for file in missing if file not in changed]) if missing else set()
    lost = set(missing) - elsewhere
    there = {folder: package for folder, package in known.items() if files[folder] not in lost}
    folders = {path.rpartition("/")[0] for path in changed if path.endswith("/pyproject.toml")} - there.keys()
    patterns = _patterns(root) if folders else []
    added = {
        folder: package
        for folder in sorted(folders)
        if any(fnmatchcase(folder, pattern) and folder.count("/") == pattern.count("/") for pattern in patterns)
        if (package := _unlocked(root, folder)) is not None
    }
    names = {one.name for one in added.values()}
    gone = {folder for folder in known if folder not in there}
    packages = [one for one in lock.packages if one.folder not in gone and one.name not in names]
    whole = Lock((*packages, *added.values()))
    return whole, Members(dict(sorted((there | added).items())), tuple(sorted(one.name for one in added.values())))


def _patterns(root: Path) -> list[str]:
    found = _table(root / "pyproject.toml").get("tool", {}).get("uv", {}).get("workspace", {}).get("members", [])
    return [one.rstrip("/") for one in found if isinstance(one, str)]


def _unlocked(root: Path, folder: str) -> Package | None:
    project = _table(root / folder / "pyproject.toml").get("project", {})
    if not isinstance(name := project.get("name"), str):
        return None
    own = {"": project.get("dependencies", [])}
    own |= {f"[{extra}]": lines for extra, lines in project.get("optional-dependencies", {}).items()}
    parts = {part: tuple(filter(None, map(_dependency, lines))) for part, lines in own.items()}
    return Package(normalized(name), "", f'editable = "{folder}"', (), parts)


def _dependency(line: str) -> Dependency | None:
    match = _REQUIREMENT.match(line)
    if match is None:
        return None
    extras = tuple(sorted(normalized(one.strip()) for one in (match["extras"] or "").split(",") if one.strip()))
    return Dependency(normalized(match["name"]), "", "", extras, "")


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise WorkspaceError(f"{path}: expected TOML, found: {error}; correct the file") from error


class Reached(NamedTuple):
    """A member that depends on a node."""

    folder: str
    steps: tuple[str, ...]
    """The names on the shortest chain between them."""
    concerns: frozenset[Concern]


class Graph:
    """The reverse dependency graph of a lock: the dependents of each package."""

    def __init__(self, lock: Lock, members: Members) -> None:
        """Build the graph from a lock and its members."""
        self._targets = members.targets()
        self._above: dict[Node, list[Node]] = {}
        for package in lock.packages:
            for part in package.parts:
                node = package.node(part)
                for edge in lock.edges(package, part):
                    self._above.setdefault(edge.target, []).append(node)
        self._folders = {package.node().name: folder for folder, package in members.packages.items()}

    def add_dependents(self, findings: Impacts, start: Node, *first: str) -> None:
        """Add a changed node and everything that depends on it.

        Args:
            findings: collects the impacts.
            start: the changed node.
            first: the first steps of the chain, which name the change.
        """
        came_from = self._from(start)
        for reached in self._members_of(came_from):
            findings.add(self._targets[reached.folder], [*first, *reached.steps], reached.concerns)
        for node in came_from:
            if is_prefect_image(node.name, node.part):
                steps = [*first, *self._steps(came_from, node), node.name]
                findings.add(prefect_image(), steps, {Concern.IMAGE})
                break

    def _members_of(self, came_from: Mapping[Node, Node | None]) -> Iterator[Reached]:
        """Each member once: with image and tests if the member itself depends on the start, else only with tests."""
        best: dict[str, Node] = {}
        for node in came_from:
            if (folder := self._folders.get(node.name)) is not None and (folder not in best or not node.part):
                best[folder] = node
        for folder, node in best.items():
            concerns = {Concern.TESTS} if node.part else {Concern.IMAGE, Concern.TESTS}
            yield Reached(folder, self._steps(came_from, node), frozenset(concerns))

    def _from(self, start: Node) -> dict[Node, Node | None]:
        """Every node that depends on the start, nearest first, each with the next node towards the start."""
        came_from: dict[Node, Node | None] = {start: None}
        waiting = deque([start])
        while waiting:
            node = waiting.popleft()
            for above in self._above.get(node, ()):
                if above not in came_from:
                    came_from[above] = node
                    waiting.append(above)
        return came_from

    def _steps(self, came_from: Mapping[Node, Node | None], node: Node) -> tuple[str, ...]:
        """The names between the start and a node."""
        names: list[str] = []
        at = came_from[node]
        while at is not None and (below := came_from[at]) is not None:
            if at.name != node.name and (not names or names[-1] != at.name):
                names.append(at.name)
            at = below
        return tuple(reversed(names))

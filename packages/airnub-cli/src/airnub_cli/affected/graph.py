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
    """What is to be done again."""

    IMAGE = "image"
    """It has to be built: its digest is another one."""
    TESTS = "tests"
    DEPLOYMENT = "deployment"
    """What the Prefect backend holds is different: settings, schedules, and with a new image its name."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a change may concern."""

    kind: Kind
    name: str
    """Of a department its folder's, of a package its distribution's; of the workspace a file of tests."""
    can: frozenset[Concern]
    """What there is of it: the template has tests alone, the image `prefect` has none."""

    @property
    def is_template(self) -> bool:
        """Whether it is a department that is neither built nor deployed."""
        return self.kind == "department" and Concern.IMAGE not in self.can


@dataclass(slots=True)
class Impact:
    """One that is affected."""

    target: Target
    reasons: dict[str, set[Concern]] = field(default_factory=dict)
    """Each a chain from what changed to its name, and what it concerns."""

    @property
    def concerns(self) -> list[Concern]:
        """All of them, in a fixed order."""
        found = {concern for concerns in self.reasons.values() for concern in concerns}
        return [concern for concern in Concern if concern in found]


class Impacts:
    """All who are affected."""

    def __init__(self) -> None:
        """Nobody yet."""
        self._found: dict[Target, Impact] = {}

    def add(self, target: Target, steps: Iterable[str], concerns: Iterable[Concern]) -> None:
        """Say why a target is affected.

        Args:
            target: whom.
            steps: from what changed towards it; its own name is put last.
            concerns: what is to be done again. A new image is deployed too, for deployments name images by digest.
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
    """A text with names of files in it, as one line that every terminal and every JSON parser can take."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


_PREFECT_PACKAGE = "airnub-prefect"
_REQUIREMENT = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[(?P<extras>[^\]]*)\])?")


@dataclass(frozen=True, slots=True)
class Members:
    """Who may be affected, by folder."""

    packages: dict[str, Package]
    unlocked: tuple[str, ...]
    """Names of members that `uv.lock` does not hold."""

    def around(self, path: str) -> str | None:
        """The folder of the member that a file belongs to; a submodule is a file to git, and may be a whole member."""
        parts = path.split("/")
        folders = ("/".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((folder for folder in folders if folder in self.packages), None)

    def targets(self) -> dict[str, Target]:
        """Whom changes may concern, by folder."""
        return {folder: target_of(folder, package) for folder, package in self.packages.items()}


def target_of(folder: str, package: Package) -> Target:
    """A member as one that a change may concern."""
    parent, _, name = folder.rpartition("/")
    if not parent.endswith("departments"):
        return Target("package", package.name, frozenset({Concern.TESTS}))
    # The template is tested, and neither built nor deployed.
    return Target("department", name, frozenset({Concern.TESTS} if name.startswith("_") else Concern))


def prefect_image() -> Target:
    """The image of the server and the workers."""
    return Target("image", PREFECT, frozenset({Concern.IMAGE}))


def is_prefect_image(name: str, part: str) -> bool:
    """Whether a package, or a part of it, is what that image installs."""
    return name == _PREFECT_PACKAGE and part in {"", "[worker]"}


def _nobody(_paths: Iterable[str]) -> set[str]:
    return set()


def complete(
    root: Path, lock: Lock, changed: Collection[str], tracked: Callable[[list[str]], set[str]] = _nobody
) -> tuple[Lock, Members]:
    """The lock with the members that it lacks: what nobody has locked yet is affected all the same.

    Args:
        root: of the workspace.
        lock: as it is here.
        changed: paths that are not what they were; a member that is locked later is among them.
        tracked: says which of some files git has, though they are not here: a sparse checkout leaves members out.

    Returns:
        A lock with all members, and the members.

    Raises:
        WorkspaceError: a pyproject.toml is no TOML.
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
        raise WorkspaceError(f"expected {path} to be TOML, but {error}") from error


class Reached(NamedTuple):
    """A member that stands on something."""

    folder: str
    steps: tuple[str, ...]
    """Names on the shortest way to it, without both ends."""
    concerns: frozenset[Concern]


class Graph:
    """All packages and members of a lock, seen from below."""

    def __init__(self, lock: Lock, members: Members) -> None:
        """Every line of the lock is looked at once."""
        self._targets = members.targets()
        self._above: dict[Node, list[Node]] = {}
        for package in lock.packages:
            for part in package.parts:
                node = package.node(part)
                for edge in lock.edges(package, part):
                    self._above.setdefault(edge.target, []).append(node)
        self._folders = {package.node().name: folder for folder, package in members.packages.items()}

    def tell(self, findings: Impacts, start: Node, *first: str) -> None:
        """Say of all who stand on a node, and of itself, that they are affected.

        Args:
            findings: where it is said.
            start: what is not what it was.
            first: the first steps of the chain, which name it.
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
        """For each member one: its image and its tests where it stands on it itself, else its tests alone."""
        best: dict[str, Node] = {}
        for node in came_from:
            if (folder := self._folders.get(node.name)) is not None and (folder not in best or not node.part):
                best[folder] = node
        for folder, node in best.items():
            concerns = {Concern.TESTS} if node.part else {Concern.IMAGE, Concern.TESTS}
            yield Reached(folder, self._steps(came_from, node), frozenset(concerns))

    def _from(self, start: Node) -> dict[Node, Node | None]:
        """Every node that stands on it, and the next one on its way down; the nearest come first."""
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
        """Names between the start and a node."""
        names: list[str] = []
        at = came_from[node]
        while at is not None and (below := came_from[at]) is not None:
            if at.name != node.name and (not names or names[-1] != at.name):
                names.append(at.name)
            at = below
        return tuple(reversed(names))

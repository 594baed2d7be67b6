"""The graph: who stands on a package or a member, and through whom."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from airnub_cli.affected.impacts import Concern, Impacts
from airnub_cli.affected.members import Members, is_prefect_image, prefect_image
from airnub_cli.lock import Lock, Node


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

"""Findings: whom a change concerns, in what, and why."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

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

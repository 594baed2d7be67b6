"""A finding: what was looked at, what was found, and what to type."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["fine", "odd", "missing"]


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """One look at one thing.

    `odd` is what may be meant so, or what only some commands need; `missing` is what a first run cannot do without.
    """

    name: str
    level: Level
    found: str
    mend: str | None = None
    """A command, or what to change."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def fine(name: str, found: str) -> DoctorFinding:
    """Nothing to do."""
    return DoctorFinding(name, "fine", found)


def odd(name: str, found: str, mend: str) -> DoctorFinding:
    """Something to know of."""
    return DoctorFinding(name, "odd", found, mend)


def missing(name: str, found: str, mend: str) -> DoctorFinding:
    """Something to mend first."""
    return DoctorFinding(name, "missing", found, mend)

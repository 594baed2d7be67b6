"""Schema drift: differences between a readable file and the declaration of its dataset."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

OnNewColumn = Literal["warn", "fail", "ignore"]
ON_NEW_COLUMN: tuple[OnNewColumn, ...] = ("warn", "fail", "ignore")
_MOST = 100
"""Maximum number of differences per commit record: a file with thousands of new columns must not bloat the table's
log."""


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference: a new column, a missing one, or a different type."""

    kind: Literal["new", "missing", "type"]
    column: str
    """Name of the column in the file."""
    record: int
    """Line or record number of the first occurrence; 0 if the difference concerns the whole file."""
    detail: str = ""
    """For a different type: what was expected and what was found."""
    object: str = ""
    """Path of the object in the store; empty as long as the object is unknown."""
    objects: int = 1
    """Number of objects with this difference; `object` is the first of them."""

    def __str__(self) -> str:
        more = f", and in {self.objects - 1:,} more" if self.objects > 1 else ""
        line = f", line {self.record:,}" if self.record else ""
        place = f"{self.object or 'the file'}{line}{more}"
        match self.kind:
            case "new":
                return f"new column {self.column} in {place}"
            case "missing":
                return f"no column {self.column} in {place}"
            case _:
                return f"other type of {self.column} in {place}: {self.detail}"

    @classmethod
    def parse(cls, value: Mapping[str, Any]) -> Self:
        """Parse the result of `as_json`. Keys that later releases added are ignored."""
        return cls(**{name: one for name, one in value.items() if name in cls.__dataclass_fields__})

    def as_json(self) -> dict[str, Any]:
        """Return a JSON-compatible mapping."""
        return asdict(self)


def summarised(found: Iterable[tuple[str, Sequence[Drift]]]) -> tuple[Drift, ...]:
    """Merge equal differences, each with the first object that has it and the number of such objects.

    Args:
        found: paths of objects, in their order, with their differences.

    Returns:
        At most 100 differences.

    >>> [str(one) for one in summarised([("a.csv", [Drift("new", "x", 1)]), ("b.csv", [Drift("new", "x", 1)])])]
    ['new column x in a.csv, line 1, and in 1 more']
    """
    first: dict[tuple[str, str], Drift] = {}
    for path, differences in found:
        for one in differences:
            key = (one.kind, one.column)
            before = first.get(key)
            if before is not None:
                first[key] = Drift(
                    before.kind, before.column, before.record, before.detail, before.object, before.objects + 1
                )
            elif len(first) < _MOST:
                first[key] = Drift(one.kind, one.column, one.record, one.detail, path)
    return tuple(first.values())

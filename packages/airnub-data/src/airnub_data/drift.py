"""Drift: where a file differs from the declaration of its dataset although its rows can be read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

OnNewColumn = Literal["warn", "fail", "ignore"]
ON_NEW_COLUMN: tuple[OnNewColumn, ...] = ("warn", "fail", "ignore")
_MOST = 100
"""Differences that a commit records; a file of nothing but new columns must not fill the log of the table."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A column that is new, missing or of a different type."""

    kind: Literal["new", "missing", "type"]
    column: str
    """As it is called in the file."""
    record: int
    """The line, or the number of the record, where it was seen first; 0 where it concerns the whole file."""
    detail: str = ""
    """Of a type: what was expected and what was found."""
    object: str = ""
    """The path of the object in the store; empty until it is known which object it is."""
    objects: int = 1
    """How many objects differ in this way; `object` is the first of them."""

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
        """A difference as `as_json` gives it; keys of later versions are left out."""
        return cls(**{name: one for name, one in value.items() if name in cls.__dataclass_fields__})

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def summarised(found: Iterable[tuple[str, Sequence[Drift]]]) -> tuple[Drift, ...]:
    """Each difference once, with the first object that has it and the number of them.

    Args:
        found: paths of objects, in their order, with their differences.

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

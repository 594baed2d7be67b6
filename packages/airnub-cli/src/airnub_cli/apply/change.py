"""A change: one object that the repository asks for, against what the server holds."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What becomes of an object."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Change:
    """What is done for one object; made by comparing, carried out by calling `send`."""

    kind: str
    """`work pool`, `work queue`, `variable`, `block` or `automation`."""
    name: str
    action: Action
    send: Callable[[], None]
    """Does nothing where nothing is different."""
    different: tuple[str, ...] = ()
    """Places of the values that differ; never the values, which may be secret."""
    kept: tuple[str, ...] = ()
    """What an operator has set and the repository does not touch: `paused`, `limit 3`."""

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "kind": self.kind,
            "name": self.name,
            "action": self.action.value,
            "different": list(self.different),
            "kept": list(self.kept),
        }


def unchanged(kind: str, name: str, kept: tuple[str, ...] = ()) -> Change:
    """Nothing is to be done."""
    return Change(kind, name, Action.UNCHANGED, lambda: None, kept=kept)


def is_same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON; to Python, `true` would be 1."""
    return json.dumps(one, sort_keys=True, default=str) == json.dumps(other, sort_keys=True, default=str)


def differences(wanted: Any, found: Any, place: str = "", *, depth: int = 4) -> Iterator[str]:
    """Places at which two JSON values differ, such as `network.max_bytes`; of lists the place of the list."""
    if is_same(wanted, found):
        return
    if depth and isinstance(wanted, Mapping) and isinstance(found, Mapping):
        for key in sorted(wanted.keys() | found.keys()):
            inside = f"{place}.{key}" if place else str(key)
            if key in wanted and key in found:
                yield from differences(wanted[key], found[key], inside, depth=depth - 1)
            else:
                yield inside
        return
    yield place or "value"

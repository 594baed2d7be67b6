"""The root pyproject.toml: what changed is about some members, or about all.

It names every member in several places, so a new one changes it; that is no reason to test all others.
"""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

FILE = "pyproject.toml"
_Place = tuple[str, ...]


def concerned(before: str, after: str, names: Mapping[str, str]) -> set[str] | None:
    """Whom a change of the root pyproject.toml concerns.

    Args:
        before: its text as it was.
        after: as it is.
        names: members by every name that they have there, those that are gone too.

    Returns:
        Members, as `names` has them; `None` for all.
    """
    try:
        old, new = tomllib.loads(before), tomllib.loads(after)
    except tomllib.TOMLDecodeError:
        return None
    if old == new:
        return set()
    changed = set(_leaves(old)) ^ set(_leaves(new))
    if not changed:
        return None  # the order of something
    found: set[str] = set()
    for place in changed:
        # What the workspace itself needs: its own commands, and what `.ci/run` checks with.
        if place[0] == "dependency-groups" or (place[0] == "project" and place[1] != "requires-python"):
            continue
        named = {names[step] for step in place if step in names}
        if not named:
            return None
        found |= named
    return found


def _leaves(value: Any, place: _Place = ()) -> Iterator[_Place]:
    """Every value with its place; in lists and in import contracts' layers the order does not count."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*place, key))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            step = (str(inner.get("id", at)),) if isinstance(inner, dict) else ()
            yield from _leaves(inner, (*place, *step))
    elif isinstance(value, str):
        for part in value.split(" | "):
            yield (*place, part)
    else:
        yield (*place, repr(value))

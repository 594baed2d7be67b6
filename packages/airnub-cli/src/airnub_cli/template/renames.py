"""Moves: files that went, and those that came in their place, as like as git wants them to be."""

from collections.abc import Mapping
from difflib import SequenceMatcher

_ALIKE = 0.5
"""Of their lines; what git takes for a rename."""


def renames(went: Mapping[str, bytes], came: Mapping[str, bytes]) -> dict[str, str]:
    """Where files moved to.

    Args:
        went: what files held that are no longer there, by path.
        came: what files hold that were not there, by path.

    Returns:
        For each that moved its new path. Empty files are nobody's.
    """
    pairs = sorted(
        ((-likeness, old, new) for old in went for new in came if (likeness := _likeness(went[old], came[new]))),
        key=lambda pair: (pair[0], pair[1].rpartition("/")[2] != pair[2].rpartition("/")[2], pair),
    )
    found: dict[str, str] = {}
    for _, old, new in pairs:
        if old not in found and new not in found.values():
            found[old] = new
    return found


def _likeness(one: bytes, other: bytes) -> float:
    """From 0 to 1; 0 for what is not like enough."""
    if one == other:
        return 1.0 if one.strip() else 0.0
    matcher = SequenceMatcher(None, one.splitlines(), other.splitlines(), autojunk=False)
    # The first two are quick to say that it is not worth the third.
    if min(matcher.real_quick_ratio(), matcher.quick_ratio()) < _ALIKE:
        return 0.0
    return ratio if (ratio := matcher.ratio()) >= _ALIKE else 0.0

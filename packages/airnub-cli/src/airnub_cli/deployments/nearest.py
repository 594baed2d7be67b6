"""The nearest of what could have been meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or all that there is."""
    candidates = sorted(known)
    near = get_close_matches(word, candidates, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(candidates) or 'none'}"

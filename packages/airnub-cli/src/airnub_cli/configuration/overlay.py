"""Overlays: an environment says only what is different there.

The rules are those of JSON Merge Patch (RFC 7396), which has no others:

- mappings are merged key by key, however deep;
- `null` removes a key, so that the default holds again;
- everything else replaces what was there. A list is replaced as a whole: an environment that points at other sources
  never asks one that somebody adds to the base file later.
"""

from typing import Any


def overlay(base: Any, changes: Any) -> Any:
    """A value with changes laid over it; neither is changed."""
    if not isinstance(changes, dict):
        return changes
    merged = dict(base) if isinstance(base, dict) else {}
    for key, change in changes.items():
        if change is None:
            merged.pop(key, None)
        else:
            merged[key] = overlay(merged.get(key), change)
    return merged

"""Overlays: an environment's overrides merged into the base configuration.

The rules are those of JSON Merge Patch (RFC 7396), which has no others:

- mappings are merged key by key, however deep;
- `null` removes a key, so that the default holds again;
- everything else replaces what was there. A list is replaced as a whole: an environment that points at other sources
  never asks one that somebody adds to the base file later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airnub_prefect.errors import Diagnostic
from airnub_prefect.yaml_file import Place, YamlFile


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


def overlaid_file(file: YamlFile, changes: YamlFile, place: Place, value: Any) -> "OverlaidFile":
    """A file with changes laid over it.

    Args:
        file: what is written.
        changes: the file in which the changes stand.
        place: where in it.
        value: the changes.
    """
    lines = {one: line for one, line in file.lines.items() if not _is_replaced(one, value)}
    return OverlaidFile(file.path, overlay(file.value, value), lines, file.mistakes, changes=changes, prefix=place)


@dataclass(slots=True)
class OverlaidFile(YamlFile):
    """A file with changes laid over it: what is wrong is told where it is written, there or here."""

    changes: YamlFile | None = None
    prefix: Place = ()
    """Where in the file of changes those of this file stand."""

    def mistake(self, place: Place, message: str) -> Diagnostic:
        """What is wrong with a value, with the file and line that it comes from."""
        changes = self.changes
        if changes is not None:
            # A key that is missing, or that the changes do not have, is the base file's.
            last = next((place[:end] for end in range(len(place), 0, -1) if is_written(self, place[:end])), ())
            if last and is_written(changes, (*self.prefix, *last)):
                return changes.mistake((*self.prefix, *place), message)
        return Diagnostic(self.path, self.line(place), message)


def is_written(file: YamlFile, place: Place) -> bool:
    """Whether a file, or the changes that are laid over it, have a line for a value."""
    if place in file.lines:
        return True
    return (
        isinstance(file, OverlaidFile) and file.changes is not None and is_written(file.changes, (*file.prefix, *place))
    )


def _is_replaced(place: Place, changes: Any) -> bool:
    """Whether a value of the file is no more: something else stands there, or around it, or nothing."""
    for step in place:
        if not isinstance(changes, Mapping):
            return True
        if step not in changes:
            return False
        changes = changes[step]
    return not isinstance(changes, Mapping)

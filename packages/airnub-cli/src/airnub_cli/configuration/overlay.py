"""Overlays: an environment's overrides merged into the base configuration.

The rules are those of JSON Merge Patch (RFC 7396):

- mappings are merged key by key, however deep;
- `null` removes a key, so that the default applies again;
- everything else replaces the previous value. A list is replaced as a whole: an environment that overrides the sources
  never picks up a source that is added to the base file later.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airnub_prefect.errors import Diagnostic
from airnub_prefect.yaml_file import Place, YamlFile


def overlay(base: Any, changes: Any) -> Any:
    """Merge changes over a value; neither argument is modified."""
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
    """Merge changes over a file.

    Args:
        file: the base file.
        changes: the file with the changes.
        place: of the changes in that file.
        value: the changes.
    """
    lines = {one: line for one, line in file.lines.items() if not _is_replaced(one, value)}
    return OverlaidFile(file.path, overlay(file.value, value), lines, file.mistakes, changes=changes, prefix=place)


@dataclass(slots=True)
class OverlaidFile(YamlFile):
    """A file with changes merged over it; each mistake is reported in the file that contains the value."""

    changes: YamlFile | None = None
    prefix: Place = ()
    """The place of this file's changes in the file of changes."""

    def mistake(self, place: Place, message: str) -> Diagnostic:
        """A diagnostic for a value, with the file and line that it comes from."""
        changes = self.changes
        if changes is not None:
            # A missing key, or one that the changes do not contain, is reported in the base file.
            last = next((place[:end] for end in range(len(place), 0, -1) if is_written(self, place[:end])), ())
            if last and is_written(changes, (*self.prefix, *last)):
                return changes.mistake((*self.prefix, *place), message)
        return Diagnostic(self.path, self.line(place), message)


def is_written(file: YamlFile, place: Place) -> bool:
    """Whether the file, or the changes merged over it, has a line for a value."""
    if place in file.lines:
        return True
    return (
        isinstance(file, OverlaidFile) and file.changes is not None and is_written(file.changes, (*file.prefix, *place))
    )


def _is_replaced(place: Place, changes: Any) -> bool:
    """Whether the changes replaced or removed a value of the file, or one of its parents."""
    for step in place:
        if not isinstance(changes, Mapping):
            return True
        if step not in changes:
            return False
        changes = changes[step]
    return not isinstance(changes, Mapping)

"""Comparison: file by file, what the template changed since a department was made, and what the department did."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from airnub_cli.template.merging import merge
from airnub_cli.workspace import WorkspaceError


class State(StrEnum):
    """Of a file that is not as the template has it today."""

    BEHIND = "behind"
    """The template changed, the department did not."""
    CHANGED = "changed"
    """The department changed on purpose, the template did not."""
    MERGES = "merges"
    """Both changed, in different places."""
    CONFLICT = "conflict"
    """Both changed the same place, or one changed what the other removed."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One file."""

    path: str
    """Relative to the root of the workspace."""
    state: State
    content: bytes | None
    """As an update leaves it; `None` for a file that goes."""
    note: str = ""
    """What a person has to decide where no marks can say it."""


def compare(root: Path, before: Mapping[str, bytes], now: Mapping[str, bytes]) -> list[Difference]:
    """A department against the template it was made from, and that of today.

    Args:
        root: of the workspace, where the department's own files are.
        before: the template's files as they were for this department, by path relative to the root.
        now: those of today.
    """
    found = []
    for path in sorted({*before, *now}):
        file = root / path
        ours = file.read_bytes() if file.is_file() else None
        one = _compared(path, ours, before.get(path), now.get(path))
        if one is not None:
            found.append(one)
    return found


def _compared(path: str, ours: bytes | None, before: bytes | None, now: bytes | None) -> Difference | None:
    if ours == now:
        return None
    if before == now:
        return Difference(path, State.CHANGED, ours)
    if ours == before:
        return Difference(path, State.BEHIND, now)
    if ours is None:
        return Difference(path, State.CONFLICT, None, "removed here, and changed in the template; it stays removed")
    if now is None:
        return Difference(path, State.CONFLICT, ours, "changed here, and removed from the template; it stays")
    try:
        merged = merge(ours, before or b"", now)
    except WorkspaceError as error:
        return Difference(path, State.CONFLICT, ours, f"changed here and in the template; it stays as it is: {error}")
    return Difference(path, State.CONFLICT if merged.conflicts else State.MERGES, merged.content)

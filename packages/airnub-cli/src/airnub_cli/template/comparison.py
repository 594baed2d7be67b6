"""Three-way comparison, file by file, of a department, its original template, and the present template.

Renamed files are found by similarity, as in git; a file that both changed is merged by git.
"""

import tempfile
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from enum import StrEnum
from pathlib import Path

from airnub_cli import subprocesses
from airnub_cli.subprocesses import ProgramError
from airnub_cli.workspace import WorkspaceError

_ALIKE = 0.5
"""Minimum share of equal lines of a renamed file, as in git."""


def renames(went: Mapping[str, bytes], came: Mapping[str, bytes]) -> dict[str, str]:
    """Find renamed files.

    Args:
        went: contents of removed files, by path.
        came: contents of new files, by path.

    Returns:
        The new path of each renamed file. Empty files are not matched.
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
    """The similarity of two contents, from 0 to 1; 0 below `_ALIKE`."""
    if one == other:
        return 1.0 if one.strip() else 0.0
    matcher = SequenceMatcher(None, one.splitlines(), other.splitlines(), autojunk=False)
    # The first two ratios are cheap upper bounds of the third.
    if min(matcher.real_quick_ratio(), matcher.quick_ratio()) < _ALIKE:
        return 0.0
    return ratio if (ratio := matcher.ratio()) >= _ALIKE else 0.0


_OURS = "department"
MARK = f"<<<<<<< {_OURS}".encode()
"""The first line of a conflict."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged text."""

    content: bytes
    conflicts: int
    """Number of conflicts, marked in the text as git marks them."""


def merge(ours: bytes, base: bytes, theirs: bytes) -> Merged:
    """A three-way merge.

    Args:
        ours: the department's file.
        base: the file of the template that the department was made from.
        theirs: the file of the present template.

    Raises:
        WorkspaceError: git cannot merge it, for example a binary file.
    """
    if b"\r\n" in ours and b"\n" not in ours.replace(b"\r\n", b""):
        # Different line endings are not a change of every line.
        base, theirs = (one.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") for one in (base, theirs))
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("department", "before", "template")]
        for path, content in zip(paths, (ours, base, theirs), strict=True):
            path.write_bytes(content)
        labels = ["-L", _OURS, "-L", "template it was made from", "-L", "template"]
        # Git's default style of markers, whatever the user's `merge.conflictStyle`.
        style = ["-c", "merge.conflictStyle=merge"]
        command = ["git", *style, "merge-file", "--stdout", *labels, *map(str, paths)]
        try:
            done = subprocesses.run(command)
        except ProgramError as error:
            raise WorkspaceError(str(error)) from error
    # The exit status is the number of conflicts, at most 127, and 255 for an error.
    if done.status > 127:
        raise WorkspaceError(f"expected files that git can merge, found: {done.error}")
    return Merged(done.stdout, done.status)


class FileState(StrEnum):
    """The state of a file that differs from the present template."""

    BEHIND = "behind"
    """The template changed, the department did not."""
    CHANGED = "changed"
    """The department changed on purpose, the template did not."""
    MERGES = "merges"
    """Both changed, in different places."""
    CONFLICT = "conflict"
    """Both changed the same place, or one changed what the other removed."""
    UNRESOLVED = "unresolved"
    """It still has conflict markers, so nothing more can be merged into it."""


@dataclass(frozen=True, slots=True)
class FileDifference:
    """The difference of one file."""

    path: str
    """Relative to the root of the workspace."""
    state: FileState
    content: bytes | None
    """The content after an update; `None` for a removed file."""
    note: str = ""
    """A rename, or a decision that conflict markers cannot show."""


def compare(root: Path, before: Mapping[str, bytes], now: Mapping[str, bytes], own: str = "") -> list[FileDifference]:
    """Compare a department with its original template and the present template.

    A file that one of them renamed is merged at its present path.

    Args:
        root: of the workspace, which has the department's own files.
        before: files of the original template for this department, by path relative to the root.
        now: files of the present template.
        own: the folder in which the department may have renamed files; empty for none.
    """
    ours = {path: _content(root / path) for path in {*before, *now}}
    blocked = {path: what for path in now if ours[path] is None and (what := _blocked(root, path)) is not None}
    now = {path: content for path, content in now.items() if path not in blocked}
    found = [
        FileDifference(path, FileState.CONFLICT, None, f"{what} is in its place here; it stays")
        for path, what in blocked.items()
    ]
    template_moved = _moved_by_template(ours, before, now)
    for old, new in template_moved.items():
        found += _followed(old, new, ours[old], ours[new], before[old], now[new])
    department_moved = _moved_by_department(root, own, ours, before, now, template_moved)
    for old, new in department_moved.items():
        content = _content(root / new)
        one = _compared(new, content, before[old], now[old]) or FileDifference(new, FileState.CHANGED, content)
        found.append(replace(one, note="; ".join(filter(None, [f"moved here from {old}", one.note]))))
    for path in ours.keys() - {*template_moved, *template_moved.values(), *department_moved}:
        stayed = _compared(path, ours[path], before.get(path), now.get(path))
        found += [stayed] if stayed else []
    return sorted(found, key=lambda one: one.path)


def _compared(path: str, ours: bytes | None, before: bytes | None, now: bytes | None) -> FileDifference | None:
    if ours == now:
        return None
    if ours is not None and MARK in ours:
        return FileDifference(path, FileState.UNRESOLVED, ours, "conflict markers of an earlier update; resolve them")
    if before == now:
        return FileDifference(path, FileState.CHANGED, ours)
    if ours == before:
        return FileDifference(path, FileState.BEHIND, now)
    if ours is None:
        return FileDifference(
            path, FileState.CONFLICT, None, "removed here, and changed in the template; it stays removed"
        )
    if now is None:
        return FileDifference(path, FileState.CONFLICT, ours, "changed here, and removed from the template; it stays")
    try:
        merged = merge(ours, before or b"", now)
    except WorkspaceError as error:
        return FileDifference(
            path, FileState.CONFLICT, ours, f"changed here and in the template; it stays as it is: {error}"
        )
    return FileDifference(path, FileState.CONFLICT if merged.conflicts else FileState.MERGES, merged.content)


def _moved_by_template(
    ours: Mapping[str, bytes | None], before: Mapping[str, bytes], now: Mapping[str, bytes]
) -> dict[str, str]:
    """Find files that the template renamed and the department changed; unchanged files need no merge."""
    found = renames(
        {path: content for path, content in before.items() if path not in now and ours[path] != content},
        {path: content for path, content in now.items() if path not in before},
    )
    return {old: new for old, new in found.items() if ours[old] is None or ours[new] is None}


def _followed(
    old: str, new: str, ours: bytes | None, ours_moved: bytes | None, before: bytes, now: bytes
) -> list[FileDifference]:
    """Compare a file that the template renamed; the department's edits move with it."""
    one = _compared(new, ours if ours_moved is None else ours_moved, before, now)
    if ours is None:
        return [one] if one else []
    one = one or FileDifference(new, FileState.BEHIND, now)
    if one.state == FileState.CONFLICT and one.content == ours:  # a file that git cannot merge keeps its path
        return [replace(one, path=old), FileDifference(new, FileState.BEHIND, now)]
    state = FileState.MERGES if one.state == FileState.CHANGED else one.state
    return [
        FileDifference(old, FileState.MERGES, None, f"moved to {new} in the template"),
        replace(one, state=state, note=f"moved here from {old}"),
    ]


def _moved_by_department(
    root: Path,
    own: str,
    ours: Mapping[str, bytes | None],
    before: Mapping[str, bytes],
    now: Mapping[str, bytes],
    template_moved: Mapping[str, str],
) -> dict[str, str]:
    """Find files that the department renamed and the template changed."""
    lost = {
        path: content
        for path, content in before.items()
        if ours[path] is None and path not in template_moved and now.get(path, content) != content
    }
    return renames(lost, _others(root, own, ours)) if lost and own else {}


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _blocked(root: Path, path: str) -> str | None:
    """Describe what occupies the path of a template file, such as a folder; `None` if the path is free."""
    if (root / path).is_dir():
        return "a folder"
    parents = Path(path).parents
    return next((f"the file {one}" for one in parents if (root / one).is_file()), None)


def _others(root: Path, own: str, known: Container[str]) -> dict[str, bytes]:
    """Files of the department that the template never had."""
    found = {file.relative_to(root): file for file in (root / own).rglob("*") if file.is_file()}
    return {
        path.as_posix(): file.read_bytes()
        for path, file in found.items()
        if path.as_posix() not in known and not any(part[0] == "." or part == "__pycache__" for part in path.parts)
    }

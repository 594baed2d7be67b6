"""The template's files as those of a department: copied and renamed, nothing generated."""

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from airnub_cli.configuration.names import REGISTRATION, TEMPLATE, Names, renamed
from airnub_cli.new.template_pruning import template_folder, with_sorted_imports, without
from airnub_cli.workspace import WorkspaceError

_CACHES = {"__pycache__", "dist", "build"}
_BY_HAND = re.compile(r"\n## A new department by hand\n.*?(?=\n## |\Z)", re.DOTALL)
_TEAM = "team-template"


@dataclass(frozen=True, slots=True)
class DepartmentSpec:
    """What a new department is to be."""

    names: Names
    owner: str
    contacts: tuple[str, ...] = ()
    """Whom to ask; none is the owner."""
    left_out: frozenset[str] = frozenset()
    """Stages and categories of the template that it goes without."""


def department_files(root: Path, wanted: DepartmentSpec) -> dict[str, bytes]:
    """All files of a new department, by their paths relative to the root."""
    names, found = wanted.names, {}
    for path in _files(template_folder(root)):
        place = _place(PurePosixPath(path.relative_to(template_folder(root)).as_posix()), names)
        if place is None:
            continue
        content = copied(path, template_folder(root), names, wanted.left_out)
        if content is not None:
            found[place] = content
    return found


def copied(path: Path, folder: Path, names: Names, left_out: Collection[str] = ()) -> bytes | None:
    """One file of the template as it is in a department, `None` where the department goes without.

    Raises:
        WorkspaceError: parts are to be left out of a text that is not Python.
    """
    content = path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return content
    place = PurePosixPath(path.relative_to(folder).as_posix())
    try:
        made = copied_text(place, text, names, left_out)
    except SyntaxError as error:
        raise WorkspaceError(f"{path}:{error.lineno}: expected Python in the template, found: {error.msg}") from None
    return None if made is None else made.encode()


def copied_text(path: PurePosixPath, text: str, names: Names, left_out: Collection[str] = ()) -> str | None:
    """The text of a file of the template as it is in a department, `None` where the department goes without.

    Args:
        path: of the file, relative to the template.
        text: of the file.
        names: of the department.
        left_out: stages and categories of the template that it goes without.

    Raises:
        SyntaxError: parts are to be left out of a text that is not Python.
    """
    short = without(path, text, left_out)
    if short is None:
        return None
    text = renamed(_BY_HAND.sub("", short), names)
    return with_sorted_imports(text) if path.suffix == ".py" else text


def registry_entry(root: Path, wanted: DepartmentSpec) -> str:
    """The department's entry of the registry, with the indentation of the template's."""
    text = (template_folder(root) / REGISTRATION / "departments.yaml").read_text(encoding="utf-8")
    entry = text.partition("departments:\n")[2]
    contacts = ", ".join(f'"{one}"' if re.search(r"[^\w.@+-]", one) else one for one in wanted.contacts)
    entry = entry.replace(f"[{_TEAM}]", f"[{contacts or wanted.owner}]").replace(_TEAM, wanted.owner)
    return renamed(entry, wanted.names)


def sample_entry(root: Path, wanted: DepartmentSpec) -> str:
    """What the environment `sample` lays over the department's settings: its sample site in place of its sources."""
    path = template_folder(root) / REGISTRATION / "sample.yaml"
    content = copied(path, template_folder(root), wanted.names, wanted.left_out)
    return (content or b"").decode().partition("variables:\n")[2]


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(one for one in folders if one not in _CACHES and not one.startswith("."))
        yield from (Path(parent, one) for one in sorted(files) if not one.startswith(".") and not one.endswith(".pyc"))


def _place(path: PurePosixPath, names: Names) -> str | None:
    """Where a file of the template goes, `None` for what is copied into another file."""
    if path.parts[0] != REGISTRATION:
        return f"departments/{names.module}/{str(path).replace(TEMPLATE.module, names.module)}"
    if path.parts[1] == "variables":
        return f"configs/variables/{names.module}/{path.name}"
    return f"infra/work-pools/{names.slug}.yaml" if path.name == "work-pool.yaml" else None

"""The workspace: its members and their dependencies, and whether its departments are installed here.

Members are read from the pyproject files. `uv run airnub …` installs only what the root depends on, the example
department; `uv run --all-packages airnub …` installs every department.
"""

import importlib
import os
import re
import shlex
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, distribution, distributions
from importlib.util import find_spec
from pathlib import Path
from pkgutil import get_importer
from types import ModuleType
from typing import Any

from airnub_prefect.errors import ConfigurationError, Diagnostic

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class WorkspaceError(Exception):
    """The checkout is invalid, or an argument does not fit it."""


@dataclass(frozen=True, slots=True)
class Member:
    """A package of the workspace."""

    name: str
    """The name of its distribution: `project-alpha`."""
    folder: Path
    extras: tuple[str, ...]
    depends_on: frozenset[str]
    """Other members among its dependencies, including those of extras."""

    @property
    def kind(self) -> str:
        """`department` or `package`, from the name of the parent folder."""
        return self.folder.parent.name.removesuffix("s")

    @property
    def module(self) -> str:
        """The name of its package: `project_alpha`."""
        return self.name.replace("-", "_")


@dataclass(frozen=True, slots=True)
class Workspace:
    """A checkout: its root, and its members by name."""

    root: Path
    members: dict[str, Member]

    @classmethod
    def around(cls, folder: Path) -> "Workspace":
        """Read the workspace that contains a folder.

        Raises:
            WorkspaceError: there is none.
        """
        root, patterns = _found(folder)
        return cls(root, _members(root, patterns))

    @staticmethod
    def root_around(folder: Path) -> Path:
        """Find the root of the workspace that contains a folder, without reading its members.

        Raises:
            WorkspaceError: there is none.
        """
        return _found(folder)[0]

    def named(self, name: str) -> Member:
        """Find a member by the name of its distribution, folder or package.

        Raises:
            WorkspaceError: no member has this name.
        """
        for member in self.members.values():
            if name in {member.name, member.folder.name, member.module}:
                return member
        raise WorkspaceError(f"expected a member of the workspace, found {name!r}; valid are {', '.join(self.members)}")

    def closure(self, member: Member) -> list[Member]:
        """A member and all members that it depends on, transitively, sorted by name."""
        found: dict[str, Member] = {}
        waiting = [member]
        while waiting:
            one = waiting.pop()
            if one.name not in found:
                found[one.name] = one
                waiting += [self.members[name] for name in one.depends_on]
        return [found[name] for name in sorted(found)]


def _found(folder: Path) -> tuple[Path, list[str]]:
    for root in (folder, *folder.parents):
        pyproject = root / "pyproject.toml"
        if pyproject.is_file():
            patterns = _table(pyproject).get("tool", {}).get("uv", {}).get("workspace", {}).get("members")
            if patterns is not None:
                return root, patterns
    raise WorkspaceError(f"expected a uv workspace around {folder}, found none; run this inside the repository")


def normalized(name: str) -> str:
    """Normalise the name of a distribution (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _members(root: Path, patterns: list[str]) -> dict[str, Member]:
    folders = sorted(path.parent for pattern in patterns for path in root.glob(f"{pattern}/pyproject.toml"))
    projects = {folder: _project(folder / "pyproject.toml") for folder in folders}
    names = {project["name"] for project in projects.values()}
    return {project["name"]: _member(folder, project, names) for folder, project in projects.items()}


def _member(folder: Path, project: dict[str, Any], names: set[str]) -> Member:
    extras: dict[str, list[str]] = project.get("optional-dependencies", {})
    declared = [*project.get("dependencies", []), *(one for extra in extras.values() for one in extra)]
    depends_on = {match.group() for one in declared if (match := _NAME.match(one))}
    return Member(project["name"], folder, tuple(sorted(extras)), frozenset(depends_on & names))


def _project(path: Path) -> dict[str, Any]:
    project = _table(path).get("project")
    if not isinstance(project, dict) or "name" not in project:
        raise WorkspaceError(f"{path}: expected a [project] with a name, found none")
    return project


def _table(path: Path) -> Mapping[str, Any]:
    try:
        return read_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WorkspaceError(f"{path}: expected TOML in UTF-8, found: {error}") from None


@lru_cache(maxsize=4096)
def read_toml(text: str) -> Mapping[str, Any]:
    """Parse TOML, once for each text: several checks read the project file of each member.

    Raises:
        ValueError: it is not valid.
    """
    return tomllib.loads(text)


INSTALL_ALL = "`uv sync --all-packages`"
"""The command in messages about modules that cannot be imported."""


@contextmanager
def importable(folders: Iterable[Path]) -> Iterator[None]:
    """Make the sources in these folders importable while the block runs, even if they are not installed.

    Their dependencies must be installed. So a department that was just copied can be checked.
    """
    present = {str(folder): os.path.realpath(folder) for folder in folders if folder.is_dir()}
    if any(isinstance(one, _PackageFinder) and one.folders.issuperset(present.values()) for one in sys.meta_path):
        yield  # in a block that has all of them
        return
    before = list(sys.path)
    here = {os.path.realpath(one) for one in before}
    sys.path += [folder for folder, real in present.items() if real not in here]
    importlib.invalidate_caches()
    finder = _PackageFinder(frozenset(present.values()))
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        finder.show_folders()
        sys.path[:] = before


class _PackageFinder(MetaPathFinder):
    """Finds packages in the folder of `sys.path` that has them first.

    Python itself looks into each folder before that one, and each installed department is a folder of `sys.path`. It
    looks into all of them for a module that is not installed, and libraries try to import dozens of these, so folders
    without anything else are hidden from it.
    """

    def __init__(self, folders: frozenset[str]) -> None:
        """Search each folder once.

        Args:
            folders: those of the packages, without links in their paths.
        """
        self.folders = folders
        names = {name for folder in folders for name in os.listdir(folder)}  # noqa: PTH208  # names alone
        listed = dict(importable_names())
        self._places: dict[str, str] = {}
        for folder, there in listed.items():
            for one in there:
                if (name := one.partition(".")[0]) in names:
                    self._places.setdefault(name, folder)
        own = [one for one in listed if os.path.realpath(one) in folders]
        hidden = [one for one in own if all(self._has(one, name) for name in listed[one])]
        self._hidden = {folder: get_importer(folder) for folder in hidden}
        # Python skips a folder without a finder.
        sys.path_importer_cache.update(dict.fromkeys(hidden))

    def _has(self, folder: str, name: str) -> bool:
        """Whether a folder is the first with this name, and has a regular package of this name."""
        is_package = self._places.get(name) == folder and os.path.isfile(f"{folder}/{name}/__init__.py")  # noqa: PTH113
        return is_package or name == "__pycache__"

    def show_folders(self) -> None:
        """Let Python find the hidden folders again."""
        for folder in self._hidden:
            sys.path_importer_cache.pop(folder, None)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The package, if the folder has a regular one; Python's own finders look for everything else."""
        folder = self._places.get(fullname) if path is None else None
        if folder is None:
            return None
        finder = self._hidden.get(folder)
        spec = finder.find_spec(fullname, target) if finder else PathFinder.find_spec(fullname, [folder], target)
        return None if spec is None or spec.loader is None else spec


def importable_names() -> Iterator[tuple[str, list[str]]]:
    """The folders that Python imports from, in their order, and the names of what is in each."""
    for folder in dict.fromkeys(entry or "." for entry in sys.path):
        with suppress(NotADirectoryError, FileNotFoundError, PermissionError):  # as Python does
            yield folder, os.listdir(folder)  # noqa: PTH208  # several times as fast, and names are all we need


def not_installed(workspace: Workspace) -> list[str]:
    """List the departments, by distribution, that are not installed here; their dependencies may be missing too."""
    # All at once: a look for a single name searches every folder that Python imports from.
    # A folder that an interrupted installation left has no name.
    installed = {normalized(name) for one in distributions() if (name := one.name)}
    return [
        one.name
        for one in workspace.members.values()
        if one.kind == "department" and normalized(one.name) not in installed
    ]


def advice(workspace: Workspace, mistakes: Iterable[Diagnostic]) -> str | None:
    """The command to run if mistakes are caused by departments that are not installed; `None` otherwise."""
    if not any(INSTALL_ALL in one.message for one in mistakes):
        return None
    names = not_installed(workspace)
    if not names:
        return None
    command = f"uv run --all-packages airnub {shlex.join(sys.argv[1:])}".rstrip()
    return f"not installed here: {', '.join(names)}; to run with every department installed: `{command}`"


def require_importable(departments: Iterable[str]) -> None:
    """Require that departments can be imported.

    Args:
        departments: names of their packages.

    Raises:
        ConfigurationError: some cannot; the message has the command to run.
    """
    if missing := [name for name in departments if find_spec(name) is None]:
        command = f"uv run --all-packages airnub {shlex.join(sys.argv[1:])}".rstrip()
        raise ConfigurationError.of(
            ", ".join(missing), f"expected the department to be installed, found that it is not; run `{command}`"
        )


def is_installed(name: str) -> bool:
    """Whether a distribution is installed."""
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True

"""Members: departments and packages as the lock has them, and those that it does not hold yet."""

import re
import tomllib
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from airnub_cli.affected.impacts import Concern, Target
from airnub_cli.images.image import PREFECT
from airnub_cli.lock import Dependency, Lock, Package
from airnub_cli.workspace import WorkspaceError, normalized

_PREFECT_PACKAGE = "airnub-prefect"
_REQUIREMENT = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[(?P<extras>[^\]]*)\])?")


@dataclass(frozen=True, slots=True)
class Members:
    """Who may be affected, by folder."""

    packages: dict[str, Package]
    unlocked: tuple[str, ...]
    """Names of members that `uv.lock` does not hold."""

    def around(self, path: str) -> str | None:
        """The folder of the member that a file belongs to; a submodule is a file to git, and may be a whole member."""
        parts = path.split("/")
        folders = ("/".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((folder for folder in folders if folder in self.packages), None)

    def targets(self) -> dict[str, Target]:
        """Whom changes may concern, by folder."""
        return {folder: target_of(folder, package) for folder, package in self.packages.items()}


def target_of(folder: str, package: Package) -> Target:
    """A member as one that a change may concern."""
    parent, _, name = folder.rpartition("/")
    if not parent.endswith("departments"):
        return Target("package", package.name, frozenset({Concern.TESTS}))
    # The template is tested, and neither built nor deployed.
    return Target("department", name, frozenset({Concern.TESTS} if name.startswith("_") else Concern))


def prefect_image() -> Target:
    """The image of the server and the workers."""
    return Target("image", PREFECT, frozenset({Concern.IMAGE}))


def is_prefect_image(name: str, part: str) -> bool:
    """Whether a package, or a part of it, is what that image installs."""
    return name == _PREFECT_PACKAGE and part in {"", "[worker]"}


def _nobody(_paths: Iterable[str]) -> set[str]:
    return set()


def complete(
    root: Path, lock: Lock, changed: Collection[str], tracked: Callable[[list[str]], set[str]] = _nobody
) -> tuple[Lock, Members]:
    """The lock with the members that it lacks: what nobody has locked yet is affected all the same.

    Args:
        root: of the workspace.
        lock: as it is here.
        changed: paths that are not what they were; a member that is locked later is among them.
        tracked: says which of some files git has, though they are not here: a sparse checkout leaves members out.

    Returns:
        A lock with all members, and the members.

    Raises:
        WorkspaceError: a pyproject.toml is no TOML.
    """
    known = lock.members()
    files = {folder: f"{folder}/pyproject.toml" for folder in known}
    missing = [file for file in files.values() if not (root / file).is_file()]
    elsewhere = tracked([file for file in missing if file not in changed]) if missing else set()
    lost = set(missing) - elsewhere
    there = {folder: package for folder, package in known.items() if files[folder] not in lost}
    folders = {path.rpartition("/")[0] for path in changed if path.endswith("/pyproject.toml")} - there.keys()
    patterns = _patterns(root) if folders else []
    added = {
        folder: package
        for folder in sorted(folders)
        if any(fnmatchcase(folder, pattern) and folder.count("/") == pattern.count("/") for pattern in patterns)
        if (package := _unlocked(root, folder)) is not None
    }
    names = {one.name for one in added.values()}
    gone = {folder for folder in known if folder not in there}
    packages = [one for one in lock.packages if one.folder not in gone and one.name not in names]
    whole = Lock((*packages, *added.values()))
    return whole, Members(dict(sorted((there | added).items())), tuple(sorted(one.name for one in added.values())))


def _patterns(root: Path) -> list[str]:
    found = _table(root / "pyproject.toml").get("tool", {}).get("uv", {}).get("workspace", {}).get("members", [])
    return [one.rstrip("/") for one in found if isinstance(one, str)]


def _unlocked(root: Path, folder: str) -> Package | None:
    project = _table(root / folder / "pyproject.toml").get("project", {})
    if not isinstance(name := project.get("name"), str):
        return None
    own = {"": project.get("dependencies", [])}
    own |= {f"[{extra}]": lines for extra, lines in project.get("optional-dependencies", {}).items()}
    parts = {part: tuple(filter(None, map(_dependency, lines))) for part, lines in own.items()}
    return Package(normalized(name), "", f'editable = "{folder}"', (), parts)


def _dependency(line: str) -> Dependency | None:
    match = _REQUIREMENT.match(line)
    if match is None:
        return None
    extras = tuple(sorted(normalized(one.strip()) for one in (match["extras"] or "").split(",") if one.strip()))
    return Dependency(normalized(match["name"]), "", "", extras, "")


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise WorkspaceError(f"expected {path} to be TOML, but {error}") from error

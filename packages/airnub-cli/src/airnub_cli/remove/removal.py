"""Removal of a department from the repository; its stored data is kept."""

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from airnub_cli import subprocesses
from airnub_cli.configuration.environment import environments
from airnub_cli.configuration.registry import TEMPLATE_FOLDER, Names
from airnub_cli.data_contracts.publications import readers
from airnub_cli.subprocesses import ProgramError
from airnub_cli.transaction import at_work, write_together
from airnub_cli.workspace import Member, Workspace, WorkspaceError
from airnub_cli.workspace_copy import WorkspaceCopy
from airnub_cli.yaml_editing import without_entry, without_keys

_REGISTRY = "configs/departments.yaml"


@dataclass(frozen=True, slots=True)
class Removal:
    """The files to remove, as paths relative to the root."""

    names: Names
    folders: tuple[str, ...]
    files: tuple[str, ...]
    deployments: tuple[str, ...]
    stages: tuple[str, ...]
    """The stages that have settings in this checkout."""
    uncommitted: tuple[str, ...]
    """Files that git could not restore."""


def planned_removal(workspace: Workspace, name: str, *, is_root_changed: bool = False) -> Removal:
    """Plan the removal of a department; nothing is written.

    Args:
        workspace: the checkout.
        name: of the department.
        is_root_changed: whether the caller removes it from the root's `pyproject.toml`.

    Raises:
        WorkspaceError: there is no such department, or something else needs it.
    """
    member = workspace.named(name)
    if member.kind != "department" or member.folder.name == TEMPLATE_FOLDER:
        raise WorkspaceError(f"expected a department other than the template, found {name!r}; nothing was removed")
    if reasons := list(_needed(workspace, member, is_root_changed=is_root_changed)):
        raise WorkspaceError("\n".join([f"expected nothing that needs {member.folder.name}, found:", *reasons]))
    root, names = workspace.root, Names(member.module)
    variables = f"configs/variables/{names.module}"
    folders = [member.folder.relative_to(root).as_posix(), *([variables] if (root / variables).is_dir() else [])]
    pool = f"infra/work-pools/{names.slug}.yaml"
    files = [pool] if (root / pool).is_file() and not _is_shared(workspace, member) else []
    return Removal(
        names,
        tuple(folders),
        tuple(files),
        tuple(_deployments(member.folder / "prefect.yaml")),
        tuple(sorted(path.stem for path in (root / variables).glob("*.yaml"))),
        tuple(_uncommitted(root, (*folders, *files))),
    )


def remove_department(workspace: Workspace, removal: Removal, before: Callable[[], None] = lambda: None) -> list[str]:
    """Remove a department from the repository in one transaction.

    Args:
        workspace: the checkout.
        removal: the files to remove.
        before: called after the remaining workspace was checked, and before anything is removed.

    Returns:
        The changed files, relative to the root, without the removed ones.

    Raises:
        WorkspaceError: the remaining workspace is invalid; nothing was removed.
        ConfigurationError: a file has a form that cannot be edited; nothing was removed.
    """
    root = workspace.root
    with at_work(root) as folder:
        proposal = WorkspaceCopy(root, folder)
        leave_out(proposal, removal)
        proposal.settle()
        before()
        inside = tuple(f"{one}/" for one in removal.folders)
        changes = {path: content for path, content in proposal.changes().items() if not path.startswith(inside)}
        write_together(root, changes, removal.folders)
    return sorted(path for path, content in changes.items() if content is not None)


def leave_out(proposal: WorkspaceCopy, removal: Removal) -> None:
    """Remove a department from a proposal: its files, its registry entry, and its overrides in environments."""
    root = proposal.root
    for path in (*removal.folders, *removal.files):
        proposal.remove(path)
    text = without_entry(root / _REGISTRY, proposal.read(_REGISTRY), "departments", "id", removal.names.module)
    proposal.write(_REGISTRY, text)
    for name in environments(root):
        path = f"configs/environments/{name}.yaml"
        if proposal.path(path).is_file():  # `local` needs none
            _leave_out(proposal, path, removal)


def mentions(root: Path, names: Names) -> list[str]:
    """List the files that still name a removed department; empty outside of a git repository."""
    pattern = f"{names.module}|{names.slug}"
    found = _git_lines(root, "grep", "-lIwE", pattern, "--", ".", ":!CHANGELOG.md")
    return [path for path in found if (root / path).is_file()]


def _leave_out(proposal: WorkspaceCopy, path: str, removal: Removal) -> None:
    """Remove the overrides of a department from an environment."""
    text, names = proposal.read(path), removal.names
    deployments = "|".join(map(re.escape, removal.deployments)) or "(?!)"
    unwanted = {
        "variables": re.escape(names.module),
        "schedules": f"(?:{deployments})/.*",
        "limits": deployments,
        **({"pools": re.escape(names.slug)} if removal.files else {}),
    }
    for key, pattern in unwanted.items():
        text = without_keys(proposal.root / path, text, [key], re.compile(pattern))
    proposal.write(path, text)


def _needed(workspace: Workspace, member: Member, *, is_root_changed: bool) -> Iterator[str]:
    root = workspace.root
    for one in workspace.members.values():
        if member.name in one.depends_on:
            yield f"  {one.folder.relative_to(root).as_posix()}/pyproject.toml depends on it; remove the dependency"
    for reader in readers(root, member.folder.name):
        if reader.department != member.folder.name:
            where = f"{reader.path.relative_to(root).as_posix()}:{reader.line}"
            yield f"  {where}: {reader.department} reads {reader.contract} v{reader.version}; remove the entry"
    pyproject = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    declared = [re.split(r"[^A-Za-z0-9._-]", one)[0] for one in pyproject.get("project", {}).get("dependencies", [])]
    named = {*declared, *pyproject.get("tool", {}).get("uv", {}).get("sources", {})}
    if member.name in named and not is_root_changed:
        yield f"  pyproject.toml has {member.name} among dependencies or [tool.uv.sources]; remove it"
    compose = root / "docker-compose.yml"
    services = yaml.safe_load(compose.read_text(encoding="utf-8"))["services"] if compose.is_file() else {}
    for name, service in services.items():
        image = str(service.get("image", "")).split(":")[0]
        if image == f"airnub/{member.name}" and name not in Names(member.module).services:
            yield f"  docker-compose.yml: the service {name} runs its image; use a different image"


def _is_shared(workspace: Workspace, member: Member) -> bool:
    """Whether other members deploy to its pool."""
    others = (one.folder / "prefect.yaml" for one in workspace.members.values() if one.name != member.name)
    pattern = re.compile(rf"\bname:\s*[\"']?{re.escape(member.name)}[\"']?\s*(?:[,}}#]|$)", re.MULTILINE)
    return any(path.is_file() and pattern.search(path.read_text(encoding="utf-8")) for path in others)


def _deployments(path: Path) -> Iterator[str]:
    value = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    for one in (value.get("deployments") or []) if isinstance(value, dict) else []:
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            yield one["name"]


def _uncommitted(root: Path, paths: tuple[str, ...]) -> list[str]:
    status = ["git", "status", "--porcelain", "--untracked-files=all", "--", *paths]
    try:
        return [line[3:] for line in subprocesses.run(status, root).text.splitlines()]
    except ProgramError as error:
        raise WorkspaceError(f"{error}; nothing was removed") from error


def _git_lines(root: Path, *arguments: str) -> list[str]:
    """The output of git; empty outside of a repository, and without git."""
    try:
        return subprocesses.run(["git", *arguments], root).text.splitlines()
    except ProgramError:
        return []

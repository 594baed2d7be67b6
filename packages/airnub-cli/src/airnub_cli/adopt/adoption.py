"""Adoption: organisation, licence and owners are replaced in all files in one transaction."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from airnub_cli.adopt import licence as licences
from airnub_cli.adopt.example import EXAMPLE, FILES, without_example
from airnub_cli.configuration.registry import Registry, load_registry
from airnub_cli.remove.removal import Removal, leave_out, planned_removal
from airnub_cli.template.history import require_clean
from airnub_cli.transaction import at_work, write_together
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_cli.workspace_copy import WorkspaceCopy

_REGISTRY, _README = "configs/departments.yaml", "README.md"
_PLACEHOLDER = re.compile(r"\bexample\.(?:org|com)\b")


@dataclass(frozen=True, slots=True)
class Adopted:
    """What was done, or would be."""

    changed: tuple[str, ...]
    """Files that are new or changed, relative to the root."""
    removed: tuple[str, ...]
    """Folders and files that are gone."""
    left: tuple[str, ...]
    """What only a person knows, as `file:line: what to do`."""


def adopt(
    workspace: Workspace,
    organisation: str,
    *,
    licence: str | None = None,
    platform_owner: str | None = None,
    keep_example: bool = True,
    dry_run: bool = False,
) -> Adopted:
    """Make the repository an organisation's own.

    Args:
        workspace: the checkout.
        organisation: as GitHub knows it; owners are its teams.
        licence: an SPDX expression; `None` keeps the one that there is.
        platform_owner: the team that owns what all departments share; `None` keeps the one that there is.
        keep_example: whether the example department stays.
        dry_run: change nothing.

    Raises:
        WorkspaceError: something cannot be, or not everything is committed; nothing was written.
        ConfigurationError: a file that has to be changed cannot be; nothing was written.
    """
    root = workspace.root
    said = {"organisation": organisation, "platform_owner": platform_owner}
    wanted = {name: value for name, value in said.items() if value is not None}
    _check(load_registry(root), wanted)
    removal = None if keep_example else _removal(workspace)
    with at_work(root) as folder:
        proposal = WorkspaceCopy(root, folder, _README, licences.TEXT, licences.ORIGIN_TEXT, *FILES)
        registry = proposal.read(_REGISTRY)
        for name, value in wanted.items():
            registry = _with_value(registry, name, value)
        proposal.write(_REGISTRY, registry)
        if licence is not None:
            _state_licence(proposal, organisation, licences.spdx(licence))
        if removal is not None:
            leave_out(proposal, removal)
            for path in FILES:
                if proposal.path(path).is_file():
                    proposal.write(path, without_example(path, proposal.read(path)))
        folders = removal.folders if removal else ()
        if proposal.changes() or folders:
            if not dry_run:
                require_clean(root)
            proposal.settle()
        inside = tuple(f"{one}/" for one in folders)
        changes = {path: content for path, content in proposal.changes().items() if not path.startswith(inside)}
        if (changes or folders) and not dry_run:
            write_together(root, changes, folders)
        return Adopted(
            tuple(sorted(path for path, content in changes.items() if content is not None)),
            (*(f"{one}/" for one in folders), *sorted(path for path, content in changes.items() if content is None)),
            tuple(_left(proposal, licence)),
        )


def _check(registry: Registry, wanted: dict[str, str]) -> None:
    for name, value in wanted.items():
        try:
            Registry.model_validate({**registry.model_dump(), name: value})
        except ValueError as error:
            reason = "a name of GitHub: letters, digits and dashes" if name == "organisation" else "the name of a team"
            option = f"--{name.replace('_', '-')}"
            raise WorkspaceError(f"{option}: expected {reason}, found {value!r}") from error


def _removal(workspace: Workspace) -> Removal | None:
    """What the end of the example means, `None` where it is gone already."""
    if not any(member.module == EXAMPLE.module for member in workspace.members.values()):
        return None
    return planned_removal(workspace, EXAMPLE.module, is_root_changed=True)


def _with_value(text: str, name: str, value: str) -> str:
    """A YAML file with a scalar at its top, in the place of the one that there is."""
    line = f"{name}: {yaml.safe_dump(value).splitlines()[0]}"
    found = re.compile(rf"^{name}:.*$", re.MULTILINE)
    return found.sub(lambda _: line, text, count=1) if found.search(text) else f"{line}\n{text}"


def _state_licence(proposal: WorkspaceCopy, organisation: str, licence: str) -> None:
    for path in sorted(proposal.folder.rglob("pyproject.toml")):
        name = path.relative_to(proposal.folder).as_posix()
        proposal.write(name, licences.with_field(proposal.read(name), licences.of_member(name, licence)))
    places = (licences.TEXT, licences.ORIGIN_TEXT)
    texts = {name: proposal.read(name) for name in places if proposal.path(name).is_file()}
    if licences.TEXT in texts:
        for name, text in licences.licence_files(texts, organisation, licence).items():
            proposal.write(name, text)
    if proposal.path(_README).is_file():
        proposal.write(_README, licences.with_sentence(proposal.read(_README), licence))


def _left(proposal: WorkspaceCopy, licence: str | None) -> Iterator[str]:
    """Values that stand for an organisation's own, and references that only another department can fill."""
    for path in sorted(proposal.folder.glob("configs/**/*.yaml")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if _PLACEHOLDER.search(line) and not line.lstrip().startswith("#"):
                yield f"{path.relative_to(proposal.folder).as_posix()}:{number}: replace {line.strip()}"
    second = proposal.root / "docker-compose.workers.yml"
    if second.is_file() and not (proposal.folder / "departments" / EXAMPLE.module).is_dir():
        for number, line in enumerate(second.read_text(encoding="utf-8").splitlines(), 1):
            if f"worker-{EXAMPLE.slug}" in line:
                yield f"{second.name}:{number}: name the worker of a department of yours"
    if licence is not None and licences.spdx(licence) != licences.ORIGIN:
        yield f"{licences.TEXT}: add the text of {licences.spdx(licence)}"

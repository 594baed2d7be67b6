"""Creation: a new department, from the template to the last check, before the first file is written."""

import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from pydantic import ValidationError

from airnub_cli.configuration.environment import SAMPLE, environment_file
from airnub_cli.configuration.generated_sections import generated_sections
from airnub_cli.configuration.names import Names
from airnub_cli.configuration.registry import Registered, load_registry
from airnub_cli.new.naming import check_name
from airnub_cli.new.template_copy import DepartmentSpec, department_files, registry_entry, sample_entry
from airnub_cli.new.template_pruning import FIRST_CATEGORY, STAGES, categories, template_folder
from airnub_cli.template.history import tree_here
from airnub_cli.template.origin import TemplateOrigin, origin_path
from airnub_cli.transaction import at_work, write_together
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_cli.workspace_copy import WorkspaceCopy
from airnub_cli.yaml_editing import with_entry, with_key

_REGISTRY = "configs/departments.yaml"


def department_spec(
    workspace: Workspace,
    name: str,
    *,
    owner: str | None = None,
    display_name: str | None = None,
    contacts: Collection[str] = (),
    stages: Collection[str] | None = None,
    chosen: Collection[str] | None = None,
) -> DepartmentSpec:
    """What a new department is to be, with everything checked that was said of it.

    Args:
        workspace: the checkout.
        name: of its package.
        owner: a team; `team-<command>` if none is said.
        display_name: for people.
        contacts: whom to ask; the owner if none is said.
        stages: of the template; all that the categories allow if none are said.
        chosen: categories of the template's ingestion; all if none are said.

    Raises:
        WorkspaceError: something cannot be.
        ConfigurationError: the registry cannot be read.
    """
    check_name(workspace, name)
    names = Names(name, display_name if display_name is not None else name.replace("_", " ").title())
    owner = owner if owner is not None else f"team-{names.slug}"
    _check_texts(names, owner, contacts)
    known = categories(workspace.root)
    kept = _among(chosen, known, "--categories")
    if stages is None:
        stages = STAGES if FIRST_CATEGORY in kept else STAGES[:1]
    kept_stages = _among(stages, STAGES, "--stages")
    if kept_stages != list(STAGES[: len(kept_stages)]):
        raise WorkspaceError(
            f"--stages: expected {', or '.join(','.join(STAGES[:end]) for end in range(1, len(STAGES) + 1))}, "
            f"found {','.join(stages)}: each works on what the one before it made"
        )
    if len(kept_stages) > 1 and FIRST_CATEGORY not in kept:
        raise WorkspaceError(
            f"--categories: expected {FIRST_CATEGORY} among them, which the template's processing reads, found "
            f"{','.join(kept)}; add it, or say --stages {STAGES[0]}"
        )
    left_out = {*STAGES, *known} - {*kept_stages, *kept}
    return DepartmentSpec(names, owner, tuple(contacts), frozenset(left_out))


def create_department(workspace: Workspace, wanted: DepartmentSpec) -> list[str]:
    """Make a department: copied, registered, locked, compiled; then landed in one go.

    Returns:
        The files that are new or changed, relative to the root.

    Raises:
        WorkspaceError: it cannot be; nothing was written.
        ConfigurationError: a file that has to be changed cannot be; nothing was written.
    """
    root = workspace.root
    if not template_folder(root).is_dir():
        raise WorkspaceError(f"expected the template in {template_folder(root)}, found none")
    # What cannot be changed later is told before what takes long.
    generated_sections(root, load_registry(root))
    with at_work(root) as folder:
        proposal = WorkspaceCopy(root, folder)
        for name, content in department_files(root, wanted).items():
            proposal.write(name, content)
        # What later updates begin from; outside of git there are none.
        if tree := _tree(root):
            origin = TemplateOrigin(tree=tree, display_name=wanted.names.display, left_out=tuple(wanted.left_out))
            proposal.write(origin_path(wanted.names.module), origin.text())
        registry = with_entry(root / _REGISTRY, proposal.read(_REGISTRY), "departments", registry_entry(root, wanted))
        proposal.write(_REGISTRY, registry)
        sample, entry = environment_file(root, SAMPLE), sample_entry(root, wanted)
        if sample.is_file() and entry:
            name = sample.relative_to(root).as_posix()
            proposal.write(name, with_key(sample, proposal.read(name), "variables", entry))
        proposal.settle()
        changes = proposal.changes()
        write_together(root, changes)
    return sorted(changes)


def install(root: Path) -> bool:
    """Bring the environment that this runs in to what the lock says of all members; whether it was done.

    All, since `airnub compile` imports the flows of all departments. Not where it is another one than the checkout's
    own: that is somebody else's.
    """
    if Path(sys.prefix).resolve() != (root / ".venv").resolve() or shutil.which("uv") is None:
        return False
    command = ["uv", "sync", "--quiet", "--frozen", "--inexact", "--all-packages"]
    return subprocess.run([*command, "--offline"], cwd=root, capture_output=True, check=False).returncode == 0 or (
        subprocess.run(command, cwd=root, capture_output=True, check=False).returncode == 0
    )


def _tree(root: Path) -> str | None:
    try:
        return tree_here(root)
    except WorkspaceError:
        return None


def _check_texts(names: Names, owner: str, contacts: Collection[str]) -> None:
    for option, text in (("--display-name", names.display), *(("--contact", one) for one in contacts)):
        if not text.strip() or not text.isprintable() or set(text) & set('"\\{}') or len(text) > 60:
            reason = "one to 60 characters on one line, without quotes, braces and backslashes"
            raise WorkspaceError(f"{option}: expected {reason}, found {text!r}")
    try:
        Registered(
            id=names.module, display_name=names.display, owner=owner, contacts=[*contacts, owner], status="active"
        )
    except ValidationError as error:
        wrong = error.errors()[0]
        raise WorkspaceError(f"--{wrong['loc'][0]}: {wrong['msg']}, found {wrong['input']!r}") from error


def _among(said: Collection[str] | None, known: Collection[str], option: str) -> list[str]:
    if said is None:
        return list(known)
    if unknown := [one for one in said if one not in known]:
        raise WorkspaceError(f"{option}: expected some of {', '.join(known)}, found {', '.join(unknown)}")
    if not said:
        raise WorkspaceError(f"{option}: expected some of {', '.join(known)}, found none")
    return [one for one in known if one in said]

"""Creation of a department; everything is checked before the first file is written.

The department is the folder departments/NAME. Outside of it these files are written; COMMAND is NAME with dashes:

    configs/variables/NAME/           settings of each stage, from the template
    infra/work-pools/COMMAND.yaml     its work pool, from the template
    configs/departments.yaml          its entry in the registry
    configs/environments/sample.yaml  the sample site in place of its sources; not with `--empty`
    pyproject.toml                    its name in each list that has the template's (`configuration.generated_sections`)
    docker-compose.yml                its image and its worker (`configuration.generated_sections`)
    .github/CODEOWNERS                its owner, if the registry names an organisation
    uv.lock                           its package
    prefect.yaml                      its deployments
"""

import builtins
import importlib.util
import keyword
import re
import shutil
import sys
from collections.abc import Collection
from pathlib import Path

from pydantic import ValidationError

from airnub_cli import subprocesses
from airnub_cli.configuration import SAMPLE
from airnub_cli.configuration.environment import environment_file
from airnub_cli.configuration.generated_sections import compose_services, generated_sections
from airnub_cli.configuration.pools import pool_files
from airnub_cli.configuration.registry import TEMPLATE, Names, Registered, load_registry
from airnub_cli.new.template_copy import (
    EXAMPLE,
    FIRST_CATEGORY,
    STAGES,
    DepartmentSpec,
    categories,
    department_files,
    registry_entry,
    sample_entry,
    template_folder,
)
from airnub_cli.template.history import TemplateOrigin, origin_path, tree_here
from airnub_cli.transaction import at_work, write_together
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_cli.workspace_copy import WorkspaceCopy
from airnub_cli.yaml_editing import with_entry, with_key
from airnub_prefect.yaml_file import read_utf8

LONGEST = 30
"""Maximum length of a name, in characters, since names of flows and generated lines contain it."""
_FORM = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_RESERVED = {
    "all", "build", "conftest", "data", "default", "department", "departments", "dist", "local", "main", "prefect",
    "root", "self", "site", "src", "template", "test", "tests", "worker", TEMPLATE.module,
    # Windows reserves these names.
    "aux", "con", "nul", "prn", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)),
}  # fmt: skip
_SET_APART = ("airnub", "prefect_", "worker_", "site_", "department_template")


def check_name(workspace: Workspace, name: str) -> None:
    """Validate the name of a new department.

    Raises:
        WorkspaceError: the name is invalid or taken; the message has the reason, and a similar valid name.
        ConfigurationError: the registry or the Compose file cannot be read.
    """
    if reason := _malformed(name) or _taken(workspace, name):
        raise WorkspaceError(f"expected the name of a new department, found {name!r}: {reason}; nothing was written")


def check_identifier(name: str, what: str) -> None:
    """Validate the name of a new module.

    Raises:
        WorkspaceError: the name is invalid.
    """
    if reason := _malformed(name):
        raise WorkspaceError(f"expected the name of a new {what}, found {name!r}: {reason}; nothing was written")


def _malformed(name: str) -> str | None:
    if not _FORM.fullmatch(name):
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")
        # A name is suggested only if all of it is valid.
        advice = f"; {near} is valid" if _FORM.fullmatch(near) and not keyword.iskeyword(near) else ""
        return (
            "as the name of a Python package it has lower-case letters, digits and single underscores between them, "
            f"and begins with a letter{advice}"
        )
    if len(name) > LONGEST:
        return f"it has {len(name)} characters, and at most {LONGEST} are allowed, since other names contain it"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or hasattr(builtins, name):
        return "it is a keyword or built-in of Python; choose a different name"
    return None


def _taken(workspace: Workspace, name: str) -> str | None:
    root, names = workspace.root, Names(name)
    if name in _RESERVED or name.startswith(_SET_APART):
        return (
            "it is reserved, like all names that begin with airnub, prefect_, worker_ or site_; choose a different name"
        )
    for member in workspace.members.values():
        if name in {member.folder.name, member.module} or names.slug == member.name:
            return f"{member.folder.relative_to(root).as_posix()} has this name; choose a different one"
    if load_registry(root).named(name) is not None:
        return "configs/departments.yaml has it already; choose a different name, or remove that entry"
    for place in (f"departments/{name}", f"configs/variables/{name}", name, f"{name}.py"):
        if (root / place).exists():
            return f"{place} exists already; choose a different name, or move it away"
    if name in sys.stdlib_module_names:
        return "it would shadow a module of Python's standard library; choose a different name"
    if _importable(name):
        return f"it would shadow the module {name}, which is installed; choose a different name"
    if names.slug in _locked(root):
        return f"uv.lock has a package {names.slug}, which it would replace; choose a different name"
    if names.slug in pool_files(root):
        return f"infra/work-pools/{names.slug}.yaml exists already; choose a different name, or move it away"
    present = _services(root)
    for service in names.services:
        if service in present:
            return f"docker-compose.yml has a service {service} already; choose a different name"
    if command := shutil.which(names.slug):
        return f"its command would hide {command}; choose a different name{_leftover(command)}"
    return _ambiguous(workspace, names)


def _leftover(command: str) -> str:
    """What to do about a command that a removed department may have left in this environment."""
    if Path(command).parent != Path(sys.prefix) / "bin":
        return ""
    return ", or remove the command of a department that no longer exists: uv sync --all-packages"


def _ambiguous(workspace: Workspace, names: Names) -> str | None:
    """Find a conflict of flow names: `a-ingestion` is the stage of `a`, and the pipeline of `a_ingestion`."""
    for member in workspace.members.values():
        for short, long in ((names.slug, member.name), (member.name, names.slug)):
            if member.kind == "department" and long in {f"{short}-{stage}" for stage in STAGES}:
                return (
                    f"its flows and those of {member.folder.name} would have the same name, "
                    f"{long}; choose a different name"
                )
    return None


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return True  # an installed module that makes the search fail


# The form in which uv writes it; tomllib takes half a second with hundreds of departments.
_LOCKED = re.compile(r'^name = "([^"]+)"$', re.MULTILINE)


def _locked(root: Path) -> set[str]:
    lock = root / "uv.lock"
    if not lock.is_file():
        return set()
    return set(_LOCKED.findall(lock.read_text(encoding="utf-8")))


def _services(root: Path) -> Collection[str]:
    path = root / "docker-compose.yml"
    return compose_services(path, read_utf8(path, "a YAML file")) if path.is_file() else ()


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
    is_empty: bool = False,
) -> DepartmentSpec:
    """Validate the arguments for a new department.

    Args:
        workspace: the checkout.
        name: of its package.
        owner: the owning team; by default `team-<command>`.
        display_name: human-readable name; by default derived from `name`.
        contacts: contacts for questions; by default the owner.
        stages: stages of the template; by default all that the categories allow.
        chosen: categories of the template's ingestion; by default all.
        is_empty: omit the template's example: data, demo, the report of the analysis, and their tests.

    Raises:
        WorkspaceError: an argument is invalid.
        ConfigurationError: the registry cannot be read.
    """
    check_name(workspace, name)
    names = Names(name, display_name if display_name is not None else name.replace("_", " ").title())
    owner = owner if owner is not None else f"team-{names.slug}"
    _check_texts(names, owner, contacts)
    known = categories(workspace.root)
    kept = _among(chosen, known, "--categories")
    possible = STAGES[:-1] if is_empty else STAGES
    if stages is None:
        stages = possible if FIRST_CATEGORY in kept else STAGES[:1]
    kept_stages = _among(stages, STAGES, "--stages")
    if further := [one for one in kept_stages if one not in possible]:
        raise WorkspaceError(
            f"--stages: expected some of {', '.join(possible)} with --empty, found {', '.join(further)}: what the "
            "template's analysis reports on is its example; leave it out here, and add it later as in ARCHITECTURE.md "
            "(stage of a department), or omit --empty"
        )
    if kept_stages != list(STAGES[: len(kept_stages)]):
        raise WorkspaceError(
            f"--stages: expected {', or '.join(','.join(STAGES[:end]) for end in range(1, len(STAGES) + 1))}, "
            f"found {','.join(stages)}; each stage reads the results of the previous one"
        )
    if len(kept_stages) > 1 and FIRST_CATEGORY not in kept:
        raise WorkspaceError(
            f"--categories: expected {FIRST_CATEGORY} among them, which the template's processing reads, found "
            f"{','.join(kept)}; add it, or pass --stages {STAGES[0]}"
        )
    left_out = {*STAGES, *known} - {*kept_stages, *kept} | ({EXAMPLE} if is_empty else set())
    return DepartmentSpec(names, owner, tuple(contacts), frozenset(left_out))


def create_department(workspace: Workspace, wanted: DepartmentSpec) -> list[str]:
    """Create a department: copy, register, lock and compile it, then write all files in one transaction.

    Returns:
        The files that are new or changed, relative to the root.

    Raises:
        WorkspaceError: the department cannot be created; nothing was written.
        ConfigurationError: a file has a form that cannot be edited; nothing was written.
    """
    root = workspace.root
    if not template_folder(root).is_dir():
        raise WorkspaceError(f"expected the template in {template_folder(root)}, found none; restore it from git")
    # Errors in the arguments are raised before the slow steps.
    generated_sections(root, load_registry(root))
    with at_work(root) as folder:
        proposal = WorkspaceCopy(root, folder)
        for name, content in department_files(root, wanted).items():
            proposal.write(name, content)
        # The base of later template updates, which need git.
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
    """Sync the checkout's own environment with the lock, for all members; return whether it succeeded.

    `airnub compile` imports the flows of all departments. A different environment is left alone.
    """
    if Path(sys.prefix).resolve() != (root / ".venv").resolve() or shutil.which("uv") is None:
        return False
    command = ["uv", "sync", "--quiet", "--frozen", "--inexact", "--all-packages"]
    return any(subprocesses.run(words, root).status == 0 for words in ([*command, "--offline"], command))


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

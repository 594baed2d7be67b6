"""Naming: which names a department may have. Everything that would clash later is found before anything is written."""

import builtins
import importlib.util
import keyword
import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml

from airnub_cli.configuration.names import TEMPLATE, Names
from airnub_cli.configuration.pools import pool_files
from airnub_cli.configuration.registry import load_registry
from airnub_cli.new.template_pruning import STAGES
from airnub_cli.workspace import Workspace, WorkspaceError

LONGEST = 30
"""Characters: the name is a part of others, such as those of flows, and of lines that are not to be broken."""
_FORM = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_RESERVED = {
    "all", "build", "conftest", "data", "default", "department", "departments", "dist", "local", "main", "prefect",
    "root", "self", "site", "src", "template", "test", "tests", "worker", TEMPLATE.module,
    # Windows has no folders of these names.
    "aux", "con", "nul", "prn", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)),
}  # fmt: skip
_SET_APART = ("airnub", "prefect_", "worker_", "site_", "department_template")


def check_name(workspace: Workspace, name: str) -> None:
    """See that a department may be called that.

    Raises:
        WorkspaceError: it may not; says why, and which name would do where one is near.
        ConfigurationError: the registry cannot be read.
    """
    if reason := _malformed(name) or _taken(workspace, name):
        raise WorkspaceError(f"expected the name of a new department, found {name!r}: {reason}; nothing was written")


def check_identifier(name: str, what: str) -> None:
    """See that a module may be called that.

    Raises:
        WorkspaceError: it may not.
    """
    if reason := _malformed(name):
        raise WorkspaceError(f"expected the name of a new {what}, found {name!r}: {reason}; nothing was written")


def _malformed(name: str) -> str | None:
    if not _FORM.fullmatch(name):
        near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")
        # What is no name as a whole is not made one by half.
        advice = f"; {near} would do" if _FORM.fullmatch(near) and not keyword.iskeyword(near) else ""
        return (
            "it becomes a Python package, so it has lower-case letters, digits and single underscores between them, "
            f"and begins with a letter{advice}"
        )
    if len(name) > LONGEST:
        return f"it has {len(name)} characters, and at most {LONGEST} leave room in the names that are made of it"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name) or hasattr(builtins, name):
        return "it is a word of Python's own; choose another"
    return None


def _taken(workspace: Workspace, name: str) -> str | None:
    root, names = workspace.root, Names(name)
    if name in _RESERVED or name.startswith(_SET_APART):
        return "it is reserved, as are all that begin with airnub, prefect_, worker_ or site_; choose another"
    for member in workspace.members.values():
        if name in {member.folder.name, member.module} or names.slug == member.name:
            return f"it is that of {member.folder.relative_to(root).as_posix()}; choose another"
    if load_registry(root).named(name) is not None:
        return "configs/departments.yaml has it already; choose another, or remove that entry"
    for place in (f"departments/{name}", f"configs/variables/{name}", name, f"{name}.py"):
        if (root / place).exists():
            return f"{place} is there already; choose another name, or move it away"
    if name in sys.stdlib_module_names:
        return "it would shadow a module of Python's standard library; choose another"
    if _importable(name):
        return f"it would shadow the module {name}, which is installed; choose another"
    if names.slug in _locked(root):
        return f"uv.lock has a package {names.slug}, which it would replace; choose another"
    if names.slug in pool_files(root):
        return f"infra/work-pools/{names.slug}.yaml is there already; choose another name, or move it away"
    for service in names.services:
        if service in _services(root):
            return f"docker-compose.yml has a service {service} already; choose another"
    if command := shutil.which(names.slug):
        return f"its command would hide {command}; choose another"
    return _ambiguous(workspace, names)


def _ambiguous(workspace: Workspace, names: Names) -> str | None:
    """Flows are known by their names alone: `a-ingestion` may be a stage of `a`, or all of `a_ingestion`."""
    for member in workspace.members.values():
        for short, long in ((names.slug, member.name), (member.name, names.slug)):
            if member.kind == "department" and long in {f"{short}-{stage}" for stage in STAGES}:
                return f"its flows and those of {member.folder.name} would have the same name, {long}; choose another"
    return None


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return True  # a module that breaks its own search is there, too


def _locked(root: Path) -> set[str]:
    lock = root / "uv.lock"
    if not lock.is_file():
        return set()
    return {one["name"] for one in tomllib.loads(lock.read_text(encoding="utf-8")).get("package", [])}


def _services(root: Path) -> set[str]:
    path = root / "docker-compose.yml"
    found: Any = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    services = found.get("services") if isinstance(found, dict) else None
    return set(services) if isinstance(services, dict) else set()

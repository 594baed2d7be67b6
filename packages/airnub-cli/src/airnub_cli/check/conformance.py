"""Check of every member: its names and files, its registration in the root's `pyproject.toml`, and `uv.lock`."""

import ast
import keyword
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from airnub_cli import subprocesses
from airnub_cli.configuration.registry import TEMPLATE, TEMPLATE_FOLDER
from airnub_cli.subprocesses import ProgramError
from airnub_cli.template.history import FILE, TemplateOrigin
from airnub_cli.workspace import Member, Workspace, normalized, read_toml
from airnub_prefect.errors import Diagnostic

SOURCES = ("__init__.py", "py.typed")
OF_DEPARTMENTS = ("__main__.py", "department.py", "settings.py", "flows/__init__.py")
"""Files below `src/<module>` that the command, the deployments or the image of a department need."""
LEAST_README = 200
"""Minimum size of a README, in bytes."""
_SYSTEM_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?(=[A-Za-z0-9.+~:-]+)?")
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?([^;]*)")
_VERSION = ("=", "<", ">", "~", "!")


def check_projects(root: Path) -> Iterator[Diagnostic]:
    """Find folders in `packages/` and `departments/` without a valid `pyproject.toml`, which all other checks need."""
    for kind in ("packages", "departments"):
        for folder in sorted(path for path in (root / kind).glob("*") if path.is_dir()):
            path = folder / "pyproject.toml"
            if not _has_files(folder):
                continue  # left behind by a member of a different branch
            if not path.is_file():
                yield Diagnostic(str(path), None, f"expected a pyproject.toml in each folder of {kind}/, found none")
                continue
            yield from _wrong_project(path)


def check_member(workspace: Workspace, member: Member) -> Iterator[Diagnostic]:
    """Check the names and files of one member."""
    project = _project(member.folder / "pyproject.toml")
    pyproject = member.folder / "pyproject.toml"
    yield from _wrong_name(member, pyproject)
    wanted = _required_python(workspace.root / "pyproject.toml")
    if wanted is not None and project.get("requires-python") != wanted:
        found = project.get("requires-python")
        message = f"expected requires-python = {wanted!r} as in the root, found {found!r}"
        yield Diagnostic(str(pyproject), line_of(pyproject, "requires-python"), message)
    yield from _pinned(workspace, project, pyproject)
    yield from _wrong_files(member)
    if member.kind == "department":
        yield from _wrong_department(member, project, pyproject)


def line_of(path: Path, key: str) -> int | None:
    """The first line of a TOML file that sets a key or begins its table; `None` if there is none."""
    name = re.escape(key)
    pattern = re.compile(rf"""\s*(["']?{name}["']?\s*=|\[([\w.]+\.)?{name}\])""")
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if pattern.match(line)), None)


def _wrong_project(path: Path) -> Iterator[Diagnostic]:
    try:
        table = read_toml(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        yield Diagnostic(str(path), int(at[1]) if at else None, f"broken TOML: {error}")
        return
    except (OSError, UnicodeDecodeError) as error:
        yield Diagnostic(str(path), None, f"expected TOML in UTF-8, found: {error}")
        return
    project = table.get("project")
    if not isinstance(project, dict) or not isinstance(project.get("name"), str):
        yield Diagnostic(str(path), None, "expected a [project] with a name, found none")


def _wrong_name(member: Member, pyproject: Path) -> Iterator[Diagnostic]:
    line = line_of(pyproject, "name")
    if member.name != member.name.lower().replace("_", "-"):
        message = f"expected a name in lower case with `-` between words, found {member.name!r}"
        yield Diagnostic(str(pyproject), line, message)
        return
    if member.kind == "department" and member.folder.name != TEMPLATE_FOLDER:
        folder = member.folder.name
        if not folder.isidentifier() or keyword.iskeyword(folder) or folder != folder.lower():
            message = f"expected a folder named like a Python package in lower case, found {folder!r}"
            yield Diagnostic(str(member.folder), None, message)
        if member.module != folder:
            message = f"expected name = {folder.replace('_', '-')!r}, from its folder's; found {member.name!r}"
            yield Diagnostic(str(pyproject), line, message)
    elif member.kind == "package" and member.folder.name != member.name:
        message = f"expected name = {member.folder.name!r}, its folder's; found {member.name!r}"
        yield Diagnostic(str(pyproject), line, message)


def _wrong_files(member: Member) -> Iterator[Diagnostic]:
    package = member.folder / "src" / member.module
    names = (*SOURCES, *OF_DEPARTMENTS) if member.kind == "department" else SOURCES
    if not package.is_dir():
        yield Diagnostic(str(package), None, "expected the package's sources in this folder, found none")
    else:
        yield from (_missing(package / name) for name in names if not (package / name).is_file())
    found = {path.parent.name for path in (member.folder / "src").glob("*/__init__.py")}
    for other in sorted(found - {member.module}):
        message = f"expected only {member.module} in src/, found {other} too; a member has one package"
        yield Diagnostic(str(member.folder / "src" / other), None, message)
    for path in sorted((member.folder / "src").glob("*.py")):
        yield Diagnostic(str(path), 1, f"expected modules in src/{member.module}/, found one beside it")
    readme = member.folder / "README.md"
    if not readme.is_file():
        yield _missing(readme)
    elif readme.stat().st_size < LEAST_README:
        message = f"expected its purpose and how to run it, found only {readme.stat().st_size} bytes"
        yield Diagnostic(str(readme), None, message)
    if not any((member.folder / "tests").rglob("test_*.py")):
        yield Diagnostic(str(member.folder / "tests"), None, "expected tests (test_*.py), found none")


def _wrong_department(member: Member, project: dict[str, Any], pyproject: Path) -> Iterator[Diagnostic]:
    command, target = member.name, f"{member.module}.__main__:main"
    found = project.get("scripts", {}).get(command)
    if found != target:
        line = line_of(pyproject, command) if found else None
        yield Diagnostic(str(pyproject), line, f"expected [project.scripts] {command} = {target!r}, found {found!r}")
    yield from _wrong_packages(member.folder / "apt-packages.txt")
    yield from _wrong_origin(member)
    yield from _left_of_template(member)
    department = member.folder / "src" / member.module / "department.py"
    if department.is_file() and not _assigns(department, "DEPARTMENT"):
        yield Diagnostic(str(department), None, "expected DEPARTMENT = Department(...), found none")


def _wrong_packages(path: Path) -> Iterator[Diagnostic]:
    if not path.is_file():
        yield _missing(path)
        return
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        for name in line.partition("#")[0].split():
            if not _SYSTEM_PACKAGE.fullmatch(name):
                yield Diagnostic(str(path), number, f"expected the name of a Debian package, found {name!r}")


def _wrong_origin(member: Member) -> Iterator[Diagnostic]:
    path = member.folder / FILE
    try:
        if path.is_file():
            TemplateOrigin(**read_toml(path.read_text(encoding="utf-8")))
    except ValueError as error:
        said = " ".join(str(error).split())
        yield Diagnostic(str(path), None, f"expected the format of `airnub new department`, found: {said}")


def _left_of_template(member: Member) -> Iterator[Diagnostic]:
    """Find names of the template in files that were copied by hand; in code, imports with such names fail."""
    for name in ("README.md", "pyproject.toml") if member.folder.name != TEMPLATE_FOLDER else ():
        path = member.folder / name
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
        for number, line in enumerate(lines, 1):
            for found in (TEMPLATE.module, TEMPLATE.slug):
                if found in line:
                    message = f"expected the names of {member.folder.name}, found {found!r}, which is the template's"
                    yield Diagnostic(str(path), number, message)


def _pinned(workspace: Workspace, project: dict[str, Any], pyproject: Path) -> Iterator[Diagnostic]:
    for one in project.get("dependencies", []):
        match = _REQUIREMENT.match(one) if isinstance(one, str) else None
        if match and normalized(match[1]) in workspace.members and match[3].strip().startswith(_VERSION):
            message = f"expected no version of {match[1]}, a member of the workspace, found {match[3].strip()!r}"
            yield Diagnostic(str(pyproject), line_of(pyproject, "dependencies"), message)


def _assigns(path: Path, name: str) -> bool:
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except SyntaxError:
        return True  # reported when it is imported
    targets = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    targets += [node.target for node in body if isinstance(node, ast.AnnAssign)]
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


def _missing(path: Path) -> Diagnostic:
    return Diagnostic(str(path), None, "expected this file, found none")


def _has_files(folder: Path) -> bool:
    return any(path.is_file() and "__pycache__" not in path.parts for path in folder.rglob("*"))


def _project(path: Path) -> dict[str, Any]:
    project: dict[str, Any] = read_toml(path.read_text(encoding="utf-8")).get("project", {})
    return project


def _required_python(root: Path) -> str | None:
    return _project(root).get("requires-python")


def check_registration(workspace: Workspace) -> Iterator[Diagnostic]:
    """Find members that are not registered in the root's `pyproject.toml`, and names of removed members."""
    path = workspace.root / "pyproject.toml"
    tool = read_toml(path.read_text(encoding="utf-8")).get("tool", {})
    members = list(workspace.members.values())
    modules = {member.module for member in members}
    departments = {member.module for member in members if member.kind == "department"}
    folders = {member.folder for member in members}
    for kind in ("packages", "departments"):
        for outside in sorted({one.parent for one in workspace.root.glob(f"{kind}/*/pyproject.toml")} - folders):
            message = f"expected its folder in `members` of {path.name}, found it missing"
            yield Diagnostic(str(outside / "pyproject.toml"), None, message)
    linter = tool.get("importlinter", {})
    for table, key, wanted, found in (
        ("tool.importlinter", "root_packages", modules, set(linter.get("root_packages", []))),
        ("the import contract `layers`", "layers", modules, _layered(linter)),
        ("the import contract `departments`", "containers", departments, _contained(linter)),
    ):
        if not found:
            continue  # a workspace that does not use this tool
        line = line_of(path, key)
        for name in sorted(wanted - found):
            yield Diagnostic(str(path), line, f"expected {name!r} in {key} of {table}, found it missing")
        for name in sorted(found - wanted):
            yield Diagnostic(str(path), line, f"expected members of the workspace in {key} of {table}, found {name!r}")


def _layered(linter: dict[str, Any]) -> set[str]:
    layers = _contract(linter, "layers").get("layers", [])
    return {name.strip(" ()") for layer in layers for name in layer.replace(":", "|").split("|")}


def _contained(linter: dict[str, Any]) -> set[str]:
    return set(_contract(linter, "departments").get("containers", []))


def _contract(linter: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next((one for one in linter.get("contracts", []) if one.get("id") == name), {})
    return found


def check_lock(root: Path) -> Iterator[Diagnostic]:
    """Check that `uv.lock` fits the pyproject files."""
    path = str(root / "uv.lock")
    try:
        done = subprocesses.run(["uv", "lock", "--check"], root)
    except ProgramError:
        yield Diagnostic(path, None, "expected uv on the PATH to check the lock, found none; `pip install uv`")
        return
    if done.status != 0:
        said = [line for line in done.error.splitlines() if line.strip() and not line.startswith("Resolved")]
        found = said[-1].strip() if said else f"exit status {done.status}"
        if "uv.lock" in done.error:
            yield Diagnostic(path, None, f"uv.lock is out of date: {found}; run `uv lock`")
        else:
            yield Diagnostic(path, None, f"expected `uv lock --check` to succeed, found: {found}")

"""Dependencies: what the sources of a member import, against what its `pyproject.toml` declares."""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path

from airnub_cli.check.import_graph import Imports
from airnub_cli.installed import is_installed
from airnub_cli.workspace import Member, Workspace, normalized
from airnub_prefect.errors import Diagnostic

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DYNAMIC = re.compile(r"""(?:\bimport_module|\b__import__)\(\s*f?(["'])([A-Za-z_]\w*)""")


def check_dependencies(workspace: Workspace, imports: Imports) -> Iterator[Diagnostic]:
    """Imports of what a member does not declare, each where it stands for the first time in a file.

    What comes along with something that is declared counts as undeclared: it may be gone tomorrow.
    """
    providers = dict(packages_distributions())
    providers |= {member.module: [member.name] for member in workspace.members.values()}
    for member in workspace.members.values():
        if member.module in imports.sources:
            yield from _undeclared(workspace, member, imports, providers)
            yield from _hidden(workspace, member)


def _undeclared(
    workspace: Workspace, member: Member, imports: Imports, providers: Mapping[str, Sequence[str]]
) -> Iterator[Diagnostic]:
    pyproject = member.folder / "pyproject.toml"
    used, in_tests = _declared(pyproject), _declared(pyproject, for_tests=True)
    members = {normalized(name) for name in workspace.members}
    absent = {name for name in in_tests - members if not is_installed(name)}
    modules = {member.module, *imports.graph.find_descendants(member.module)}
    for importer in sorted(modules):
        # What a package offers to the tests of others is imported there alone, where the tools of tests are.
        declared = in_tests if importer == f"{member.module}.testing" else used
        for imported in sorted(imports.graph.find_modules_directly_imported_by(importer)):
            package = imported.partition(".")[0]
            # What is imported from above the package has no name, and cannot be imported: that is told with the flows.
            if not package or package == member.module or package in sys.stdlib_module_names:
                continue
            names = [normalized(name) for name in providers.get(package, [package])]
            if package not in providers and absent & declared:
                continue  # of something declared that is not installed here, whose modules nothing says
            if not declared & set(names):
                what = " or ".join(sorted(set(names)))
                mend = f"uv add --package {member.name} {what}"
                message = f"{member.name} imports {imported}, and does not declare {what}; `{mend}`"
                yield imports.mistake(importer, imported, message)


def _hidden(workspace: Workspace, member: Member) -> Iterator[Diagnostic]:
    """Members that are imported by a name in quotes, which no graph shows."""
    declared = _declared(member.folder / "pyproject.toml")
    members = {one.module: one for one in workspace.members.values()}
    for path in sorted((member.folder / "src" / member.module).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for match in _DYNAMIC.finditer(text):
            other = members.get(match[2])
            if other is not None and other is not member and normalized(other.name) not in declared:
                line = text.count("\n", 0, match.start()) + 1
                message = f"{member.name} imports {other.module} by its name, and does not declare {other.name}"
                yield Diagnostic(str(path), line, message)


def _declared(pyproject: Path, *, for_tests: bool = False) -> set[str]:
    table = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    project = table["project"]
    lists = [project.get("dependencies", []), *project.get("optional-dependencies", {}).values()]
    lists += table.get("dependency-groups", {}).values() if for_tests else []
    every = [one for some in lists for one in some if isinstance(one, str)]
    return {normalized(match.group()) for one in every if (match := _NAME.match(one))}

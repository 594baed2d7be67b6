"""Check that members import only declared dependencies, and that tests and Dockerfiles of departments are independent.

The tests of a department are run with it alone, and a Dockerfile of its own is built as the shared one is.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence, Set
from importlib.metadata import packages_distributions

from airnub_cli.cache import NO_CACHE, Cache, Fingerprints, digest_of
from airnub_cli.check.import_contracts import Imports
from airnub_cli.check.unchanged import DYNAMIC
from airnub_cli.import_errors import declared_by, undeclared
from airnub_cli.workspace import Member, Workspace, is_installed, normalized
from airnub_prefect.errors import Diagnostic

_APART = "writes_apart"
_WORD = re.compile(r"\w+")


def check_test_isolation(member: Member, departments: Set[str]) -> Iterator[Diagnostic]:
    """Find imports of other departments in a department's tests, and tests that may write into the checkout.

    Args:
        member: the department; a package is skipped.
        departments: modules of all departments.
    """
    if member.kind != "department":
        return
    folder, is_apart = member.folder / "tests", False
    paths = sorted(folder.rglob("*.py"))
    for path in paths:
        content = path.read_bytes()
        may_be_apart = not is_apart and path.name == "conftest.py" and _APART.encode() in content
        # Parsing is slow, and most files name no other department.
        named = departments & set(_WORD.findall(content.decode(errors="replace")))
        if not may_be_apart and named <= {member.module}:
            continue
        try:
            nodes = list(ast.walk(ast.parse(content)))
        except (SyntaxError, ValueError):
            continue  # reported by its tests and by ruff
        is_apart = is_apart or (may_be_apart and any(map(_is_apart, nodes)))
        for node in nodes:
            for name in _imported(node):
                if name in departments and name != member.module:
                    message = f"expected tests that import no other department than {member.module}, found {name}"
                    yield Diagnostic(str(path), getattr(node, "lineno", None), message)
    if paths and not is_apart:
        message = f"expected a fixture that uses {_APART}, so that no test writes into the checkout, found none"
        yield Diagnostic(str(folder / "conftest.py"), None, message)


def _imported(node: ast.AST) -> set[str]:
    """The packages that a node imports."""
    if isinstance(node, ast.Import):
        return {one.name.partition(".")[0] for one in node.names}
    if isinstance(node, ast.ImportFrom) and not node.level:
        return {(node.module or "").partition(".")[0]}
    return set()


def _is_apart(node: ast.AST) -> bool:
    """Whether a node is the name of the fixture."""
    return _APART in {getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "arg", None)} or (
        isinstance(node, ast.Constant) and node.value == _APART
    )


_STAGE = re.compile(r"FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?\s*$", re.IGNORECASE)
_TARGET = "department"
_FOLDER = re.compile(r"(?<![\w/])departments/([A-Za-z_]\w*)")
_ROOT = re.compile(r"USER\s+(root|0)(:\S+)?\s*$", re.IGNORECASE)
_COPY = re.compile(r"(?:COPY|ADD)\s+(?!.*--from=)(?:--\S+\s+)*(.+)\s+\S+$", re.IGNORECASE)
_ALL = re.compile(r"(\./?|(\./)?departments/?\**)")
"""Sources of COPY that contain all departments."""


def check_dockerfile(member: Member) -> Iterator[Diagnostic]:
    """Check a department's own Dockerfile: it has the stage that is built, no user root, and no other department."""
    path = member.folder / "Dockerfile"
    if member.kind != "department" or not path.is_file():
        return
    stage, roots = "", dict[str, int]()
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        command = line.strip()
        if begun := _STAGE.match(command):
            stage = (begun[2] or "").lower()
            # A stage inherits the user of its base; third-party images usually run as root.
            roots[stage] = number if roots.get(begun[1].lower(), number) else 0
        elif command.upper().startswith("USER "):
            roots[stage] = number if _ROOT.match(command) else 0
        elif (copied := _COPY.match(command)) and any(map(_ALL.fullmatch, copied[1].split())):
            message = f"expected only departments/{member.folder.name} in its image, found all departments"
            yield Diagnostic(str(path), number, message)
        for other in _FOLDER.findall(line.partition("#")[0]):
            if other != member.folder.name:
                message = f"expected only departments/{member.folder.name} in its image, found departments/{other}"
                yield Diagnostic(str(path), number, message)
    if _TARGET not in roots:
        yield Diagnostic(str(path), None, f"expected a stage called {_TARGET} (FROM … AS {_TARGET}), found none")
    elif user := roots[_TARGET]:
        yield Diagnostic(str(path), user, "expected a user other than root at the end of the image, found root")


def check_dependencies(
    workspace: Workspace, imports: Imports, cache: Cache = NO_CACHE, prints: Fingerprints | None = None
) -> Iterator[Diagnostic]:
    """Find imports of packages that a member does not declare; the first one in each file is reported.

    Transitive dependencies count as undeclared, since the packages that need them may drop them. An import that breaks
    an import contract is not reported again, since it has to go.

    Args:
        workspace: the checkout.
        imports: the imports of all members.
        cache: of members without undeclared imports.
        prints: fingerprints of the workspace, if some were already made.
    """
    providers = dict(packages_distributions())
    providers |= {member.module: [member.name] for member in workspace.members.values()}
    prints = prints or Fingerprints(workspace)
    members = digest_of(*(f"{member.module} {member.name}" for member in workspace.members.values()))
    for member in workspace.members.values():
        if member.module not in imports.sources:
            continue
        tree = prints.tree(member.folder / "src" / member.module)
        pyproject = (member.folder / "pyproject.toml").read_text(encoding="utf-8")
        digest = None if tree is None else digest_of(tree.digest, pyproject, members, member.name)
        if cache.get("dependencies", digest) == "declared":
            continue
        found = [*_undeclared(workspace, member, imports, providers), *_hidden(workspace, member)]
        yield from found
        if not found and all(importer.partition(".")[0] != member.module for importer, _ in imports.broken):
            cache.put("dependencies", digest, "declared")


def _undeclared(
    workspace: Workspace, member: Member, imports: Imports, providers: Mapping[str, Sequence[str]]
) -> Iterator[Diagnostic]:
    pyproject = member.folder / "pyproject.toml"
    used, in_tests = declared_by(pyproject), declared_by(pyproject, for_tests=True)
    members = {normalized(name) for name in workspace.members}
    absent = {name for name in in_tests - members if not is_installed(name)}
    modules = {member.module, *imports.graph.find_descendants(member.module)}
    for importer in sorted(modules):
        # Only tests import the module `testing` of a package, so it may use the dependencies of tests.
        declared = in_tests if importer == f"{member.module}.testing" else used
        for imported in sorted(imports.graph.find_modules_directly_imported_by(importer)):
            package = imported.partition(".")[0]
            # A relative import beyond the package has no name; it fails, and is reported with the flows.
            if not package or package == member.module or package in sys.stdlib_module_names:
                continue
            if (importer, imported) in imports.broken:
                continue
            if package not in providers and absent & declared:
                continue  # may belong to a declared package that is not installed here
            if message := undeclared(member.name, declared, imported, providers):
                yield imports.mistake(importer, imported, message)


def _hidden(workspace: Workspace, member: Member) -> Iterator[Diagnostic]:
    """Find imports of members by a string, which the import graph does not contain."""
    declared = declared_by(member.folder / "pyproject.toml")
    members = {one.module: one for one in workspace.members.values()}
    for path in sorted((member.folder / "src" / member.module).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        for match in DYNAMIC.finditer(text):
            other = members.get(match[2])
            if other is not None and other is not member and normalized(other.name) not in declared:
                line = text.count("\n", 0, match.start()) + 1
                message = f"{member.name} imports {other.module} by its name, and does not declare {other.name}"
                yield Diagnostic(str(path), line, message)

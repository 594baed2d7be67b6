"""Digests of the inputs of checks; a check whose inputs are unchanged is not repeated.

If nothing changed in the checkout, no check is imported.
"""

import ast
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from airnub_cli import subprocesses
from airnub_cli.cache import NO_CACHE, Cache, Fingerprints, digest_of, read_content
from airnub_cli.configuration.dotenv import known_values
from airnub_cli.subprocesses import ProgramError
from airnub_cli.workspace import Workspace, WorkspaceError, importable
from airnub_prefect.errors import Diagnostic

_KIND = "checks"
_IGNORED = (".env",)
"""Files of the root that git ignores and checks read."""
_PLACEHOLDER = re.compile(rb"\$\{([A-Za-z_][A-Za-z0-9_]*)")
_CONFIGURED = ("configs", "infra")


def of_imports(workspace: Workspace, prints: Fingerprints, cache: Cache = NO_CACHE) -> str | None:
    """A digest of the inputs of import checks: the imports of all members, and all `pyproject.toml` files.

    Args:
        workspace: the checkout.
        prints: its fingerprints.
        cache: of the imports of members, as `imports_of` takes it.

    Returns:
        `None` if the sources of a member cannot be hashed, or are not valid Python.
    """
    parts = [_of_file(workspace.root / "pyproject.toml")]
    for member in workspace.members.values():
        package = member.folder / "src" / member.module
        if prints.tree(package) is None or not isinstance(imports := imports_of(package, prints, cache), str):
            return None
        parts += [member.name, str(member.folder), imports, _of_file(member.folder / "pyproject.toml")]
    return digest_of(*parts)


DYNAMIC = re.compile(r"""(?:\bimport_module|\b__import__)\(\s*f?(["'])([A-Za-z_]\w*)""")
"""An import by a string; the second group is the package."""
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""The fields of compound statements that have statements."""


def imports_of(package: Path, prints: Fingerprints, cache: Cache = NO_CACHE) -> str | list[Diagnostic]:
    """A digest of the imports in a package, by file and without their lines; most edits do not change it.

    Args:
        package: a folder with modules.
        prints: fingerprints of the workspace.
        cache: of digests, by the content of the package.

    Returns:
        The mistakes, if files are not valid Python.
    """
    tree = prints.tree(package)
    digest = None if tree is None else tree.digest
    known = cache.get("imports_of", digest)
    if isinstance(known, str):
        return known
    parts: list[str] = []
    broken: list[Diagnostic] = []
    for path in sorted(package.rglob("*.py")):
        found = _imports(path)
        if isinstance(found, Diagnostic):
            broken.append(found)
        else:
            parts += [path.relative_to(package).as_posix(), *sorted(found), ""]
    if broken:
        return broken
    whole = digest_of(*parts)
    cache.put("imports_of", digest, whole)
    return whole


def _imports(path: Path) -> set[str] | Diagnostic:
    """The import statements of a file, and the packages that it imports by a string."""
    try:
        content = path.read_bytes()
        tree = ast.parse(content)
        compile(tree, str(path), "exec", dont_inherit=True)  # finds more mistakes than the parser
    except (SyntaxError, ValueError) as error:
        return Diagnostic(str(path), getattr(error, "lineno", None), f"broken Python: {getattr(error, 'msg', error)}")
    except OSError as error:
        return Diagnostic(str(path), None, f"expected a file that can be read, found: {error.strerror}")
    except RecursionError:  # nested more deeply than `ast` supports
        return {_of_file(path)}
    by_string = {f"string {match[2]}" for match in DYNAMIC.finditer(content.decode(errors="replace"))}
    return {*_statements(tree), *by_string}


def _statements(tree: ast.Module) -> Iterator[str]:
    """All import statements, without a walk through expressions, which takes several times as long."""
    waiting: list[ast.AST] = [tree]
    for node in waiting:
        if isinstance(node, ast.Import):
            yield f"import {' '.join(one.name for one in node.names)}"
        elif isinstance(node, ast.ImportFrom):
            yield f"from {'.' * node.level}{node.module or ''} import {' '.join(one.name for one in node.names)}"
        else:
            waiting += (child for block in _BLOCKS for child in getattr(node, block, ()))


def of_backend(workspace: Workspace, prints: Fingerprints) -> str | None:
    """A digest of the inputs of the desired state: its files, all departments, and values of placeholders."""
    imported = prints.imported()
    if imported is None:
        return None
    parts, names = [imported], set[str]()
    for folder in _CONFIGURED:
        for path in sorted((workspace.root / folder).rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                names |= {name.decode() for name in _PLACEHOLDER.findall(content)}
                parts += [str(path.relative_to(workspace.root)), hashlib.sha256(content).hexdigest()]
    values = known_values(workspace.root)
    names |= {name for name in values if name.startswith("AIRNUB_")}  # secrets without a block, in .env
    return digest_of(*parts, *(f"{name}={values.get(name)}" for name in sorted(names)))


def _of_file(path: Path) -> str:
    return read_content(str(path)).digest.hex()


def checkout_digest(root: Path, environment: Mapping[str, str] | None = None) -> str | None:
    """The digest of a checkout: tracked and untracked files, imported packages, and the environment that they read.

    Args:
        root: of the workspace.
        environment: as `Fingerprints` takes it.

    Returns:
        `None` outside of a git repository, or if an imported package cannot be found.
    """
    try:
        workspace = Workspace.around(root)
        with importable(member.folder / "src" for member in workspace.members.values()):
            imported = of_backend(workspace, Fingerprints(workspace, environment))
    except (WorkspaceError, OSError):
        return None  # a mistake that the check itself reports
    # With the state of each file: a tracked `.env` is a mistake, an untracked one is not.
    command = ["git", "ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocesses.run(command, root)
    except (OSError, ProgramError):
        return None
    if imported is None or listed.status != 0:
        return None
    whole, folder = hashlib.sha256(), f"{root}{os.sep}"
    for entry in [*filter(None, listed.stdout.split(b"\0")), *(b"! " + name.encode() for name in _IGNORED)]:
        content = _content(folder + os.fsdecode(entry[2:]))
        whole.update(len(entry).to_bytes(8, "big") + entry + len(content).to_bytes(8, "big") + content)
    return digest_of(imported, str(root), whole.hexdigest())


def recall_check(cache: Cache, digest: str | None) -> list[Diagnostic] | None:
    """The cached warnings of a checkout without mistakes; `None` if they are not cached."""
    known = cache.get(_KIND, digest)
    if not isinstance(known, list):
        return None
    return [Diagnostic(where, line, message, is_warning=True) for where, line, message in known]


def remember_check(cache: Cache, digest: str | None, found: list[Diagnostic]) -> None:
    """Cache the warnings of a checkout; mistakes are not cached, since their cause may be outside of it."""
    if all(one.is_warning for one in found):
        cache.put(_KIND, digest, [[one.where, one.line, one.message] for one in found])


def _content(path: str) -> bytes:
    """The content of a file with its mode; the target of a link; the error number of a missing file."""
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            return b"link " + os.fsencode(os.readlink(path))  # noqa: PTH115  # for tens of thousands of files
        return b"%o " % (mode & 0o111) + read_content(path).digest
    except OSError as error:
        return b"none " + str(error.errno).encode()

"""Suites: the tests of a department keep to themselves, since they are run with it alone."""

import ast
from collections.abc import Iterator

from airnub_cli.workspace import Member, Workspace
from airnub_prefect.errors import Diagnostic

_APART = "writes_apart"


def check_test_isolation(workspace: Workspace, member: Member) -> Iterator[Diagnostic]:
    """Tests of a department that import another, or may write into the checkout."""
    if member.kind != "department":
        return
    others = {one.module for one in workspace.members.values() if one.kind == "department" and one is not member}
    folder, is_apart = member.folder / "tests", False
    paths = sorted(folder.rglob("*.py"))
    for path in paths:
        try:
            nodes = list(ast.walk(ast.parse(path.read_bytes())))
        except (SyntaxError, ValueError):
            continue  # its tests show that, and so does ruff
        is_apart = is_apart or (path.name == "conftest.py" and any(map(_is_apart, nodes)))
        for node in nodes:
            for name in _imported(node):
                if name in others:
                    message = f"expected tests of {member.module} alone, found an import of {name}"
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
    """Whether it is the name of the fixture, as code."""
    return _APART in {getattr(node, "id", None), getattr(node, "attr", None), getattr(node, "arg", None)} or (
        isinstance(node, ast.Constant) and node.value == _APART
    )

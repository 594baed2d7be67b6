"""Names of airnub_core that changed: imports of departments are rewritten, with the uses of each name."""

import ast
import io
import tokenize
from collections.abc import Mapping

from airnub_core.moved import MODULES, NAMES


def rename_core_names(text: str) -> tuple[str, list[tuple[int, str]]]:
    """Rewrite `from airnub_core… import …` of modules that moved and names that changed; aliases and comments stay.

    Args:
        text: of a Python file; where it cannot be parsed, it is left as it is.

    Returns:
        The new text, and what is left for a person: lines of it, with what to do.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return text, []  # such as one with marks of a conflict: the update after they are resolved does it
    left: list[tuple[int, str]] = []
    modules: dict[int, tuple[str, str]] = {}
    imported: dict[int, dict[str, str]] = {}
    """By the first line of an import statement, the names in it that changed."""
    used: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            left += [(node.lineno, _by_hand(one.name)) for one in node.names if one.name in MODULES]
        if not isinstance(node, ast.ImportFrom) or node.level or node.module is None:
            continue
        left += [(node.lineno, _by_hand(one)) for one in _submodules(node) if one in MODULES]
        home = MODULES.get(node.module, node.module)
        if home != node.module:
            modules[node.lineno] = (node.module, home)
        for one in node.names:
            if (new := NAMES.get((home, one.name))) is not None:
                imported.setdefault(node.lineno, {})[one.name] = new
                if one.asname is None:
                    used[one.name] = new
    if taken := set(used.values()) & _bound(tree):
        names = ", ".join(sorted(taken))
        return text, [*left, (1, f"airnub_core calls it {names} now, which is used here already: rename that one")]
    return _rewritten(text, tree, modules, imported, used), left


def _by_hand(module: str) -> str:
    return (
        f"{module} is {MODULES[module]} now, and names reached through a module are not rewritten: import them from it"
    )


def _submodules(node: ast.ImportFrom) -> list[str]:
    return [f"{node.module}.{one.name}" for one in node.names]


def _bound(tree: ast.Module) -> set[str]:
    """Names that a source uses or binds."""
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return found | {
        node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }


def _rewritten(
    text: str,
    tree: ast.Module,
    modules: Mapping[int, tuple[str, str]],
    imported: Mapping[int, Mapping[str, str]],
    used: Mapping[str, str],
) -> str:
    statement_of = {
        line: node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = text.splitlines(keepends=True)
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(text, newline="").readline)
        if token.type in (tokenize.NAME, tokenize.OP)
    ]
    edits: list[tuple[int, int, int, str]] = []
    for number, token in enumerate(tokens):
        before = tokens[number - 1].string if number else ""
        (row, start), (_, end) = token.start, token.end
        statement = statement_of.get(row)
        if statement is None:
            if token.string in used and before != ".":
                edits.append((row, start, end, used[token.string]))
            continue
        if before == "from" and statement in modules:
            old, new = modules[statement]
            edits.append((row, start, start + len(old), new))
        elif token.string in imported.get(statement, {}) and before in ("import", ",", "("):
            edits.append((row, start, end, imported[statement][token.string]))
    for row, start, end, new in sorted(edits, reverse=True):
        line = lines[row - 1]
        lines[row - 1] = line[:start] + new + line[end:]
    return "".join(lines)

"""Imports of moved modules and renamed names in departments, rewritten with all uses of the names.

`MODULES` and `NAMES` of the packages map earlier names to present ones. Names of `airnub_core.tables` and
`airnub_core.datasets` are in airnub_data, and some of them have changed.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from airnub_core import moved as core
from airnub_prefect import moved as prefect

MODULES = {**core.MODULES, **prefect.MODULES}
NAMES = {**core.NAMES, **prefect.NAMES}
HOMES = {**core.HOMES, **prefect.HOMES}


def rename_names(text: str) -> tuple[str, list[tuple[int, str]]]:
    """Rewrite `from … import …` of moved modules and renamed names; aliases and comments are kept.

    Args:
        text: of a Python file; a file that cannot be parsed is returned unchanged.

    Returns:
        The new text, and the manual changes: lines of the text, with what to do.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return text, []  # for example with conflict markers; the update after their resolution rewrites it
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
            if (place := HOMES.get((node.module, one.name))) is not None:
                left.append((node.lineno, f"{one.name} is in {place} now; import it from there"))
            if (new := NAMES.get((home, one.name))) is not None:
                imported.setdefault(node.lineno, {})[one.name] = new
                if one.asname is None:
                    used[one.name] = new
    if taken := set(used.values()) & _bound(tree):
        names = ", ".join(sorted(taken))
        return text, [
            *left,
            (1, f"an imported name is now called {names}, which this file uses already; rename the latter"),
        ]
    return _rewritten(text, tree, modules, imported, used), left


def _by_hand(module: str) -> str:
    return f"{module} is now {MODULES[module]}, and uses through the module are not rewritten; import the names from it"


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


OLD = ("airnub_core.datasets", "airnub_core.tables")
MOVED: Mapping[str, str] = {
    "Column": "airnub_data",
    "Dataset": "airnub_data",
    "Schema": "airnub_data.columns",
    "make_dataset": "airnub_data",
    "type_name": "airnub_data.columns",
}
"""The module of each name now."""
_INSTEAD: Mapping[str, str] = {
    "Conformed": "`make_dataset` checks the rows: look at the dataset that it makes",
    "REASON": "the quarantine is the table `<dataset>.quarantine`, with the column `reason`",
    "conform": "`make_dataset` checks the rows: look at the dataset that it makes",
    "may_have_rows": "the result of `make_dataset` has the number of rows",
    "read_csv": "set `reader=Csv()` in the Dataset",
    "read_json_lines": "set `reader=JsonLines({...})` in the Dataset",
    "rejected_name": "the quarantine is the table `<dataset>.quarantine`",
    "write_dataset": "`make_dataset` writes the table",
    "write_rejected": "`make_dataset` writes the quarantine",
}
_CHANGED = {"suffix", "read", "schema", "unique"}
"""Arguments of `airnub_core.datasets.Dataset` that the class in `airnub_data` does not have."""
_LONGEST = 120
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


@dataclass(frozen=True, slots=True)
class Moved:
    """A rewritten source, and the manual changes: lines of the new text, with what to do."""

    text: str
    left: list[tuple[int, str]] = field(default_factory=list)


def imports_old_names(text: str) -> bool:
    """Whether a source has an import of the modules that moved."""
    return any(old.rpartition(".")[2] in text for old in OLD) and any(_old_imports(_parsed(text)))


def move_names(text: str) -> Moved:
    """Rewrite the imports of names that moved unchanged; aliases and comments are kept.

    Args:
        text: of a Python file; a file that cannot be parsed is returned unchanged.
    """
    tree = _parsed(text)
    lines = _LINES.findall(text)
    comments = _comments(text) if any(_old_imports(tree)) else {}
    rewritten: set[str] = set()
    for group in sorted(_groups(tree), key=lambda one: -one[0].lineno):
        _rewrite(group, lines, comments, rewritten)
    new = "".join(lines)
    return Moved(new, list(_left(_parsed(new), rewritten)))


def declare_data(project: str) -> str | None:
    """Replace the extra `airnub-core[tables]` by `airnub-data` in a department's `pyproject.toml`.

    Returns:
        The text, unchanged if `airnub-data` is declared already; `None` if there is no entry to replace.
    """
    if re.search(r'["\']airnub-data\b', project):
        return project
    entry = re.compile(r'^(?P<indent>[ \t]*)"airnub-core\[tables\]"(?P<rest>[^\r\n]*\r?\n)', re.MULTILINE)
    source = re.compile(r"^airnub-core(?P<rest> *=[^\r\n]*\r?\n)", re.MULTILINE)
    if not entry.search(project) or not source.search(project):
        return None
    core = "" if re.search(r'"airnub-core"', project) else r'\g<indent>"airnub-core",' + "\n"
    declared = entry.sub(core + r'\g<indent>"airnub-data"\g<rest>', project, count=1)
    return source.sub(r"\g<0>airnub-data\g<rest>", declared, count=1)


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])  # for example with conflict markers; the update after their resolution rewrites it


def _old_imports(tree: ast.Module) -> Iterator[ast.ImportFrom | ast.Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            submodules = {f"{node.module}.{one.name}" for one in node.names}
            if node.module in OLD or submodules & set(OLD):
                yield node
        elif isinstance(node, ast.Import) and any(one.name in OLD for one in node.names):
            yield node


def _groups(tree: ast.Module) -> Iterator[list[ast.ImportFrom]]:
    """Group the imports to rewrite: adjacent imports of a block are one group."""
    for parent in ast.walk(tree):
        for _, block in ast.iter_fields(parent):
            group: list[ast.ImportFrom] = []
            for node in block if isinstance(block, list) else ():
                if isinstance(node, ast.ImportFrom) and node.module in OLD and not node.level:
                    if any(one.name in MOVED for one in node.names):
                        group.append(node)
                elif not isinstance(node, ast.Import | ast.ImportFrom) and group:
                    yield group
                    group = []
            if group:
                yield group


def _rewrite(group: list[ast.ImportFrom], lines: list[str], comments: Mapping[int, str], rewritten: set[str]) -> None:
    """Replace the statements of a group; the names are imported from the new modules at the last statement."""
    group = [node for node in group if _stands_alone(node, lines)]
    new: dict[str, dict[str, None]] = {}
    statements: dict[ast.ImportFrom, list[tuple[str, list[str]]]] = {}
    remarks: dict[ast.ImportFrom, list[str]] = {}
    for node in group:
        for one in node.names:
            if one.name in MOVED:
                new.setdefault(MOVED[one.name], {})[_as_written(one)] = None
                rewritten.add(one.name)
    said: list[str] = []
    for node in group:
        kept = [_as_written(one) for one in node.names if one.name not in MOVED]
        statements[node] = [(str(node.module), kept)] if kept else []
        last = node is group[-1]
        if last:
            statements[node] += [(module, sorted(names)) for module, names in sorted(new.items())]
        end = node.end_lineno or node.lineno
        said += [comments[number] for number in range(node.lineno, end + 1) if number in comments]
        if kept or last:
            remarks[node], said = said, []
    for node in reversed(group):
        line = lines[node.lineno - 1]
        indent, ending = line[: node.col_offset], line[len(line.rstrip("\r\n")) :] or "\n"
        made = [one for module, names in statements[node] for one in _import(indent, module, names)]
        if made and remarks[node]:
            made[0] += f"  {'  '.join(remarks[node])}"
        lines[node.lineno - 1 : node.end_lineno] = [f"{one}{ending}" for one in made]


def _stands_alone(node: ast.ImportFrom, lines: list[str]) -> bool:
    """Whether its lines have no other code."""
    last = lines[(node.end_lineno or node.lineno) - 1].encode()[node.end_col_offset or 0 :].decode().strip()
    return not lines[node.lineno - 1][: node.col_offset].strip() and (not last or last.startswith("#"))


def _as_written(one: ast.alias) -> str:
    return f"{one.name} as {one.asname}" if one.asname else one.name


def _import(indent: str, module: str, names: list[str]) -> list[str]:
    line = f"{indent}from {module} import {', '.join(names)}"
    if len(line) <= _LONGEST:
        return [line]
    return [f"{indent}from {module} import (", *(f"{indent}    {name}," for name in names), f"{indent})"]


def _comments(text: str) -> dict[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(text, newline="").readline)
    return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


def _left(tree: ast.Module, rewritten: set[str]) -> Iterator[tuple[int, str]]:
    """Yield the manual changes of a source, with their lines."""
    found: list[tuple[int, str]] = []
    for node in _old_imports(tree):
        if not isinstance(node, ast.ImportFrom) or node.module not in OLD:
            advice = "uses through the module are not rewritten; import the names from airnub_data"
            found.append((node.lineno, advice))
            continue
        for one in node.names:
            if one.name in MOVED:
                found.append(
                    (one.lineno, f"{one.name} is in {MOVED[one.name]}; import it from there, on a line of its own")
                )
            else:
                advice = _INSTEAD.get(one.name, "copy what you need of it into the department")
                found.append((one.lineno, f"{one.name} of {node.module} has no successor in airnub_data: {advice}"))
    found += _changed_calls(tree, rewritten)
    yield from sorted(found)


def _changed_calls(tree: ast.Module, rewritten: set[str]) -> Iterator[tuple[int, str]]:
    """Find calls with arguments that changed, and every use of `make_dataset`, since tasks pass it to threads."""
    names = {
        one.asname or one.name: one.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "airnub_data"
        for one in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and names.get(node.func.id) == "Dataset":
            found = ["arguments without names"] if node.args else []
            found += sorted(one.arg for one in node.keywords if one.arg in _CHANGED)
            if found:
                expected = "name=, source=, reader=, columns= and key="
                said = f"Dataset of airnub_data takes {expected}, found {', '.join(found)}"
                yield node.lineno, f"{said}; change the declaration"
        if isinstance(node, ast.Name) and names.get(node.id) == "make_dataset" and "make_dataset" in rewritten:
            yield node.lineno, "make_dataset of airnub_data takes a Location for the folder, and Limits; adapt the call"

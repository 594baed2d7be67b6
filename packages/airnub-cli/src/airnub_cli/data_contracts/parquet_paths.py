"""Parquet paths: departments that read `<dataset>.parquet` by its path and not by `airnub_data.scan`; a warning each.

Paths are found where they are written out, in f-strings and sums of text too, whose names are constants or datasets of
the department's modules. A path that is put together in another way is not found.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from airnub_cli.check.check_warning import CheckWarning
from airnub_cli.data_contracts.publications import Publications
from airnub_cli.workspace import Member, Workspace
from airnub_core.contracts.schema import versioned

_FILE = r"(?P<stem>[\w-]+(?:\.v\d+)?)\.parquet"
_PATH = re.compile(rf"(?:^|[/\\]){_FILE}$")
_NAMED = re.compile(rf"(?<![\w.-]){_FILE}(?![\w.-])")
_LATER = "the file is not written any more where the dataset says parquet_copy: false"
_UNKNOWN = "*"
"""In place of a part of a text that is not known: no name of a file."""


def check_parquet_paths(workspace: Workspace, publications: Publications) -> Iterator[CheckWarning]:
    """A warning for each line of a department's source or settings that names the Parquet file of a published dataset.

    Args:
        workspace: the checkout.
        publications: of it.
    """
    stems = _stems(publications)
    for member in workspace.members.values():
        if member.kind == "department" and stems:
            for path, line, stem in _named(workspace.root, member):
                if calls := _calls(publications, member.folder.name, stems.get(stem, ())):
                    what = f"{member.folder.name} reads {stem}.parquet by its path, expected {' or '.join(calls)}"
                    yield CheckWarning(str(path), line, f"{what}; {_LATER}")


def _stems(publications: Publications) -> dict[str, list[tuple[str, str, int]]]:
    """Department, name and version of the datasets that are published, by the name of their file without its suffix."""
    found: dict[str, list[tuple[str, str, int]]] = {}
    for (department, name), versions in publications.versions.items():
        for number, version in versions.items():
            if version.says is not None and version.says.kind == "dataset":
                stem = name if number == 1 else versioned(name, number)
                found.setdefault(stem, []).append((department, name, number))
    return found


def _calls(publications: Publications, reader: str, datasets: list[tuple[str, str, int]] | tuple[()]) -> list[str]:
    """What the reader can call instead. Of equal names of several departments those count that it says it reads."""
    read = [one for one in datasets if reader in {use.reader for use in publications.of(*one[:2])[one[2]].uses}]
    own = [one for one in datasets if one[0] == reader]
    return [
        f'airnub_data.scan("{department}", "{name}"{f", version={number}" if number > 1 else ""})'
        for department, name, number in read or own or datasets
    ]


def _named(root: Path, member: Member) -> Iterator[tuple[Path, int, str]]:
    """Files of the department that name Parquet files, with line and stem."""
    sources = {path: _text(path) for path in sorted((member.folder / "src").rglob("*.py"))}
    trees: dict[Path, ast.Module] = {}
    if any(".parquet" in text for text in sources.values()):
        for path, text in sources.items():
            try:
                trees[path] = ast.parse(text)
            except (SyntaxError, ValueError):
                continue  # what cannot be imported is a mistake of its own
    texts = {name: text for tree in trees.values() for name, text in _constants(tree)}
    for path, tree in trees.items():
        if ".parquet" in sources[path]:
            for line, text in _paths(tree, texts):
                if match := _PATH.search(text):
                    yield path, line, match["stem"]
    for path in sorted((root / "configs" / "variables" / member.folder.name).glob("*.yaml")):
        for number, line_text in enumerate(_text(path).splitlines(), 1):
            written = "" if line_text.lstrip().startswith("#") else line_text.partition(" #")[0]
            yield from ((path, number, match["stem"]) for match in _NAMED.finditer(written))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Names at the top of a module that hold a text, or a dataset: `ORDERS` and `ORDERS.name` for its name."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if not isinstance(target, ast.Name):
            continue
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield target.id, value.value
        elif isinstance(value, ast.Call):
            given = {one.arg: one.value for one in value.keywords}
            name = given.get("name", value.args[0] if value.args else None)
            match name, given.get("version", ast.Constant(1)):
                case ast.Constant(value=str(text)), ast.Constant(value=int(number)):
                    yield f"{target.id}.name", text
                    yield f"{target.id}.stem", text if number == 1 else versioned(text, number)


def _paths(node: ast.AST, texts: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Texts that are more than a docstring, with their lines."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.Constant | ast.JoinedStr | ast.BinOp) and ".parquet" in (
            text := _resolved(child, texts)
        ):
            yield child.lineno, text
        else:
            yield from _paths(child, texts)


def _resolved(node: ast.AST, texts: Mapping[str, str]) -> str:
    """The text that an expression makes, as far as it can be seen."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_resolved(value, texts) for value in values)
        case ast.FormattedValue(value=value, format_spec=None):
            return _resolved(value, texts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _resolved(left, texts) + _resolved(right, texts)
        case ast.Name(id=name):
            return texts.get(name, _UNKNOWN)
        case ast.Attribute(value=ast.Name(id=name), attr=attribute):
            return texts.get(f"{name}.{attribute}", _UNKNOWN)
        case _:
            return _UNKNOWN

"""Uses of published datasets in departments' code: declared inputs, and files read by path.

Inputs are found where they are written out: `Dataset(inputs=(SALES, "crm/customers"), transform=…)`. Paths,
`<dataset>.parquet`, are found where they are written out too, in f-strings and sums of text whose names are constants
or datasets of the department's modules. A path that is built in a different way is not found.
"""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from airnub_cli.data_contracts.publications import Publications
from airnub_cli.workspace import Member, Workspace
from airnub_core.contracts.contract import FOLDER, versioned
from airnub_prefect.errors import Diagnostic
from airnub_prefect.validation import nearest_or_all


def check_dataset_inputs(workspace: Workspace, publications: Publications) -> Iterator[Diagnostic]:
    """Report each input that has no contract, or that the department does not declare in `reads.yaml`.

    Args:
        workspace: the checkout.
        publications: of it.
    """
    published = ["/".join(one) for one in publications.versions]
    for member in workspace.members.values():
        reader = member.folder.name
        for path in sorted((member.folder / "src").rglob("*.py")) if member.kind == "department" else ():
            where = path.relative_to(workspace.root).as_posix()
            for line, given in _inputs(path.read_text(encoding="utf-8", errors="replace")):
                name, _, number = given.partition(".v")
                department, _, dataset = name.partition("/")
                versions = publications.of(department, dataset)
                if not versions or (number and int(number) not in versions):
                    what = f"expected a contract of the input {given} in departments/{department}/{FOLDER}, found none"
                    yield Diagnostic(where, line, f"{what}; {nearest_or_all(name, published)}")
                    continue
                version = versions[int(number) if number else min(versions)]
                if reader not in {use.reader for use in version.uses}:
                    what = f"expected {name} version {version.number} in departments/{reader}/reads.yaml"
                    yield Diagnostic(
                        where, line, f"{what}, for it is an input here, found none; name the fields it needs"
                    )


def check_cycles(publications: Publications) -> Iterator[Diagnostic]:
    """Report cycles: published datasets that are derived from themselves, through datasets of other departments.

    Each new version would start the run that creates the next one, in an endless loop.

    Args:
        publications: with what their code makes.
    """
    versions = {
        (department, name, number): version
        for (department, name), numbered in publications.versions.items()
        for number, version in numbered.items()
    }
    made_of = {
        node: [_node(publications, given) for given in version.made.made_of]
        for node, version in versions.items()
        if version.made is not None
    }
    for node in made_of:
        if way := _way(made_of, node):
            shown = " of ".join(f"{department}/{name} v{number}" for department, name, number in way)
            message = (
                f"expected a dataset that is not derived from itself, found {shown}; each version would start the next"
            )
            yield versions[node].file.mistake(("code",), f"{message}; remove one of the inputs")


_Node = tuple[str, str, int]


def _node(publications: Publications, given: str) -> _Node:
    """The version of an input; without a number, the lowest one."""
    name, _, number = given.partition(".v")
    department, _, dataset = name.partition("/")
    return department, dataset, int(number) if number else min(publications.of(department, dataset), default=1)


def _way(made_of: Mapping[_Node, Sequence[_Node]], node: _Node) -> list[_Node]:
    """The shortest cycle from a dataset through its inputs to itself; empty if there is none."""
    ways = [[node]]
    seen = {node}
    for way in ways:  # it grows
        for following in made_of.get(way[-1], ()):
            if following == node:
                return [*way, node]
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []


def _inputs(source: str) -> Iterator[tuple[int, str]]:
    """The names in `inputs` of declarations, with their lines."""
    if "inputs" not in source:
        return
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return  # reported as a module that cannot be imported
    for node in ast.walk(tree):
        given = {one.arg: one.value for one in node.keywords} if isinstance(node, ast.Call) else {}
        inputs = given.get("inputs")
        if "transform" in given and isinstance(inputs, ast.Tuple | ast.List):
            for one in inputs.elts:
                match one:
                    case ast.Constant(value=str(text)) if _is_published(text):
                        yield one.lineno, text


def _is_published(text: str) -> bool:
    """Whether a text has the form of a published dataset's name."""
    name, _, number = text.partition(".v")
    return name.count("/") == 1 and (not number or number.isdecimal())


_FILE = r"(?P<stem>[\w-]+(?:\.v\d+)?)\.parquet"
_PATH = re.compile(rf"(?:^|[/\\]){_FILE}$")
_NAMED = re.compile(rf"(?<![\w.-]){_FILE}(?![\w.-])")
_LATER = "the file is no longer written once the dataset has parquet_copy: false"
_UNKNOWN = "*"
"""Stands for an unknown part of a text; not valid in names of files."""


def check_parquet_paths(workspace: Workspace, publications: Publications) -> Iterator[Diagnostic]:
    """Warn of each line of a department's source or settings that names the Parquet file of a published dataset.

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
                    yield Diagnostic(str(path), line, f"{what}; {_LATER}", is_warning=True)


def _stems(publications: Publications) -> dict[str, list[tuple[str, str, int]]]:
    """Department, name and version of the published datasets, by the stem of their file's name."""
    found: dict[str, list[tuple[str, str, int]]] = {}
    for (department, name), versions in publications.versions.items():
        for number, version in versions.items():
            if version.says is not None and version.says.kind == "dataset":
                stem = name if number == 1 else versioned(name, number)
                found.setdefault(stem, []).append((department, name, number))
    return found


def _calls(publications: Publications, reader: str, datasets: list[tuple[str, str, int]] | tuple[()]) -> list[str]:
    """The calls that replace the path. If several departments use the name, those that the reader declares."""
    read = [one for one in datasets if reader in {use.reader for use in publications.of(*one[:2])[one[2]].uses}]
    own = [one for one in datasets if one[0] == reader]
    return [
        f'airnub_data.scan("{department}", "{name}"{f", version={number}" if number > 1 else ""})'
        for department, name, number in read or own or datasets
    ]


def _named(root: Path, member: Member) -> Iterator[tuple[Path, int, str]]:
    """Yield the files of a department that name Parquet files, with line and stem."""
    sources = {path: _text(path) for path in sorted((member.folder / "src").rglob("*.py"))}
    trees: dict[Path, ast.Module] = {}
    if any(".parquet" in text for text in sources.values()):
        for path, text in sources.items():
            try:
                trees[path] = ast.parse(text)
            except (SyntaxError, ValueError):
                continue  # reported as a module that cannot be imported
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
    """Yield the top-level text constants of a module, and `ORDERS.name` and `ORDERS.stem` of its datasets."""
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
    """Yield texts with `.parquet`, except docstrings, with their lines."""
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
    """The text of an expression, with `_UNKNOWN` for parts that are not constant."""
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

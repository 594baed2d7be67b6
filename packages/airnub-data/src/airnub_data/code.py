"""Code digests: a digest of the declaration and the code that determine rows; a change makes the rows again."""

import ast
import functools
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from airnub_common import sha256_hex
from airnub_data.dataset import Dataset
from airnub_data.partitioning import HASH_PROBE
from airnub_data.readers import Function

FORMAT = 3
"""Version of the format of staged files and tables. Increase it when the same declaration leads to different files."""
LATEST = "latest"
"""Name of the part that decides which row of a key is kept; it does not affect the rows of one object."""


def parts(dataset: Dataset) -> Mapping[str, str]:
    """Return everything except the objects that determines the content of a table, by readable name.

    Values are versions or digest prefixes. `LATEST` is the only part that does not affect the rows of one object.
    """
    functions, origin = _joined(dataset) if dataset.transform is not None else _read(dataset)
    columns = [
        (name, repr(column.dtype), column.nullable, column.minimum, column.maximum, column.one_of)
        for name, column in dataset.schema.items()
    ]
    return {
        "airnub-data": f"{version('airnub-data')}, format {FORMAT}",
        "polars": f"{pl.__version__}, hash {HASH_PROBE}",
        **origin,
        "columns": _short(repr([columns, list(dataset.columns)])),
        "key": _short(repr(dataset.key)),
        "partition_by": _short(_plain(dataset.partition_by)),
        "code": _short(repr(list(map(source_of, functions)))),
        LATEST: _short(repr(dataset.latest)),
    }


def _read(dataset: Dataset) -> tuple[list[Callable[..., Any]], Mapping[str, str]]:
    """Return the functions that turn objects into rows, and the other parts that affect reading."""
    reader = dataset.read_by
    functions = [one for one in (dataset.derive, getattr(reader, "function", None)) if one is not None]
    if not type(reader).__module__.startswith("airnub_data."):
        functions.append(type(reader).read)
    return functions, {"reader": _short(_plain(reader) if not isinstance(reader, Function) else "function")}


def _joined(dataset: Dataset) -> tuple[list[Callable[..., Any]], Mapping[str, str]]:
    """Return the `transform` of a dataset with inputs, and the names of the inputs."""
    assert dataset.transform is not None
    return [dataset.transform], {"inputs": _short(repr(dataset.input_names))}


def stage_digest(parts: Mapping[str, str]) -> str:
    """Return a digest of all parts that determine the rows of one object: 64 hexadecimal digits."""
    return table_digest({name: value for name, value in parts.items() if name != LATEST})


def table_digest(parts: Mapping[str, str]) -> str:
    """Return a digest of all parts except the objects that determine the table: 64 hexadecimal digits."""
    return sha256_hex(repr(sorted(parts.items())).encode())


def _short(text: str) -> str:
    return sha256_hex(text.encode())[:16]


def source_of(function: Callable[..., Any]) -> str:
    """Return the source code that a function's result depends on, as text without comments and formatting.

    It contains the function, the statements of its module that it reaches by name, and all modules of its own package
    that these import. Other packages are represented by their versions, and only polars and airnub-data are.

    >>> source_of(lambda rows: rows) == source_of(lambda rows: rows.head())
    False
    """
    arguments = ""
    while isinstance(function, functools.partial):
        arguments += repr((function.args, sorted(function.keywords.items())))
        function = function.func
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is None:  # a class or a callable object
        return _module_text(type(function).__module__) + arguments
    tree = _tree(Path(code.co_filename))
    if tree is None:
        return repr((code.co_code, code.co_consts)) + arguments
    own = [node for node in ast.walk(tree) if _is(node, code)]
    module = sys.modules.get(function.__module__)
    closure = [cell.cell_contents for cell in (getattr(function, "__closure__", None) or ())]
    held = repr([_plain(value) if not callable(value) else source_of(value) for value in closure])
    reached, imported = _reached(tree, own)
    texts = [ast.dump(node) for node in reached]
    if module is not None and "." in function.__module__:
        texts.extend(map(_module_text, sorted(_of_package(imported, function.__module__))))
    return "\n".join([*texts, held, arguments])


def _is(node: ast.AST, code: Any) -> bool:
    if isinstance(node, ast.Lambda):
        return bool(code.co_name == "<lambda>" and node.lineno == code.co_firstlineno)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
        return bool(node.name == code.co_name and first == code.co_firstlineno)
    return False


def _reached(tree: ast.Module, start: list[ast.AST]) -> tuple[list[ast.AST], list[ast.Import | ast.ImportFrom]]:
    """Return the nodes and module statements that are reachable by name, and separately the imports among them."""
    bound: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        for name in _binds(statement):
            bound.setdefault(name, []).append(statement)
    reached: list[ast.AST] = []
    imports: list[ast.Import | ast.ImportFrom] = []
    waiting: list[ast.AST] = list(start)
    while waiting:
        node = waiting.pop(0)
        if node in reached or node in imports:
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
            continue
        reached.append(node)
        names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
        imports += [one for one in ast.walk(node) if isinstance(one, ast.Import | ast.ImportFrom)]
        waiting += [statement for name in sorted(names) for statement in bound.get(name, ())]
        waiting += bound.get("*", [])
    return reached, imports


def _binds(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            yield (alias.asname or alias.name).partition(".")[0]
    elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
    else:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def _of_package(imports: list[ast.Import | ast.ImportFrom], module: str) -> set[str]:
    """Return the modules of the same package that these import statements reach, directly or indirectly."""
    package = module.partition(".")[0]
    found: set[str] = set()
    waiting = [(module, statement) for statement in imports]
    while waiting:
        for name in _named(*waiting.pop()):
            if name.partition(".")[0] != package or name in found or (path := _path(name)) is None:
                continue
            found.add(name)
            tree = _tree(path)
            if tree is not None:
                waiting += [(name, node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return found


def _named(module: str, statement: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the dotted names that an import statement may import: modules, and names within modules."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    name = statement.module or ""
    if statement.level:
        path = _path(module)
        around = module if path is not None and path.name == "__init__.py" else module.rpartition(".")[0]
        try:
            name = importlib.util.resolve_name("." * statement.level + name, around)
        except ImportError:
            return []  # beyond the top-level package: Python rejects the import too
    return [name, *(f"{name}.{alias.name}" for alias in statement.names)]


def _module_text(name: str) -> str:
    path = _path(name)
    tree = None if path is None else _tree(path)
    return name if tree is None else ast.dump(tree)


def _path(module: str) -> Path | None:
    loaded = sys.modules.get(module)
    origin = getattr(loaded, "__file__", None)
    if origin is None:
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):
            return None  # a name within a module, not a module
        origin = None if spec is None else spec.origin
    return Path(origin) if origin is not None and origin.endswith(".py") else None


def _tree(path: Path) -> ast.Module | None:
    try:
        return _parsed(path, path.stat().st_mtime_ns)
    except OSError:
        return None  # defined by `exec` or in an interactive session


@functools.lru_cache(maxsize=256)
def _parsed(path: Path, _modified: int) -> ast.Module:
    return ast.parse(path.read_bytes())


def _plain(value: Any) -> str:
    """Return a representation that is identical in every process; frozen dataclasses by their fields."""
    if is_dataclass(value) and not isinstance(value, type):
        inside = [(one.name, _plain(getattr(value, one.name))) for one in fields(value)]
        return f"{type(value).__module__}.{type(value).__qualname__}{inside}"
    if isinstance(value, dict):
        return repr(sorted((str(key), _plain(entry)) for key, entry in value.items()))
    return repr(value)

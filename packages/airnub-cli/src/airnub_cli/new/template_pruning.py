"""Parts: the stages and categories of the template, and its texts without some of them.

What is left out is told by one rule, so that the template needs no marks: a file whose name or first line names a part
goes with it, and so does a class or function whose first line does, a paragraph of a YAML file, and any other line.
Then imports that nothing uses any more go. A test makes the departments that can be chosen and lints them.
"""

import ast
import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from airnub_cli.configuration.names import TEMPLATE, TEMPLATE_FOLDER

STAGES = ("ingestion", "processing", "analysis")
"""In their order: each works on what the one before it made."""
FIRST_CATEGORY = "scheduled_file_downloads"
"""What the processing of the template reads."""
_NOT_CATEGORIES = {"__init__", "stage"}


def template_folder(root: Path) -> Path:
    """Where the template is."""
    return root / "departments" / TEMPLATE_FOLDER


def categories(root: Path) -> list[str]:
    """The categories of the template's ingestion."""
    folder = template_folder(root) / "src" / TEMPLATE.module / "flows" / "ingestion"
    return sorted(path.stem for path in folder.glob("*.py") if path.stem not in _NOT_CATEGORIES)


def without(path: PurePosixPath, text: str, parts: Collection[str]) -> str | None:
    """A text of the template without some parts, `None` where the whole file goes.

    Args:
        path: of the file, relative to the template.
        text: of the file.
        parts: names of stages and categories.
    """
    if not parts:
        return text
    names = _names(parts)
    if names.search(path.stem.removeprefix("test_")) or names.search(text.partition("\n")[0]):
        return None
    if path.suffix == ".py":
        return without_unused_imports(_lines_without(text, names, _blocks(text, names)))
    if path.suffix in {".yaml", ".yml"}:
        return "\n\n".join(one for one in text.split("\n\n") if not names.search(one)).rstrip("\n") + "\n"
    return _lines_without(text, names, set())


def without_unused_imports(text: str) -> str:
    """A module without what it imports at its top and uses nowhere."""
    lines, tree = text.split("\n"), ast.parse(text)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    theirs = {number for node in imports for number in _numbers(node)}
    rest = "\n".join(line for number, line in enumerate(lines, 1) if number not in theirs)
    gone: set[int] = set()
    for node in imports:
        used = [
            one for one in node.names if re.search(rf"\b{re.escape((one.asname or one.name).split('.')[0])}\b", rest)
        ]
        if len(used) == len(node.names):
            continue
        gone |= set(_numbers(node))
        if used:
            node.names = used
            lines[node.lineno - 1] = ast.unparse(node)
            gone.discard(node.lineno)
    return "\n".join(_kept(lines, gone))


def with_sorted_imports(text: str) -> str:
    """A module whose blocks of imports are in the order of their modules, each import on a line of its own."""
    lines = text.split("\n")
    first = 0
    while first < len(lines):
        last = first
        while last < len(lines) and re.match(r"(from|import) [^(]*$", lines[last]):
            last += 1
        if last > first:
            lines[first:last] = sorted(lines[first:last], key=lambda line: (line.startswith("from"), line.split()[1]))
        first = max(last, first + 1)
    return "\n".join(lines)


def _names(parts: Collection[str]) -> re.Pattern[str]:
    forms = {
        form for part in parts for form in (part, part.replace("_", "-"), f"{part.title().replace('_', '')}Settings")
    }
    return re.compile(rf"(?<![A-Za-z])(?:{'|'.join(sorted(map(re.escape, forms)))})(?![A-Za-z])")


def _blocks(text: str, names: re.Pattern[str]) -> set[int]:
    """The lines of classes and functions that go, and the empty ones above them."""
    lines, gone = text.split("\n"), set[int]()
    for node in ast.parse(text).body:
        is_named = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if is_named and names.search(lines[node.lineno - 1]):
            first = min(_numbers(node))
            while first > 1 and lines[first - 2] == "":
                first -= 1
            gone |= set(range(first, max(_numbers(node)) + 1))
    return gone


def _lines_without(text: str, names: re.Pattern[str], gone: set[int]) -> str:
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        # An import of several things is for `without_unused_imports`, unless all of them are of a module that goes.
        source = line.partition(" import ")[0] if line.startswith("from ") else line
        if names.search(source):
            gone.add(number)
    return "\n".join(_kept(lines, gone))


def _kept(lines: list[str], gone: Collection[int]) -> Iterator[str]:
    """Without those lines, and where an empty one stood above and below them, without one of the two."""
    before, after_gap = "", False
    for number, line in enumerate(lines, 1):
        if number in gone:
            after_gap = True
            continue
        if not (after_gap and line == before == ""):
            yield line
        before, after_gap = line, False


def _numbers(node: ast.stmt) -> range:
    decorators = getattr(node, "decorator_list", [])
    return range(min([node.lineno, *(one.lineno for one in decorators)]), (node.end_lineno or node.lineno) + 1)

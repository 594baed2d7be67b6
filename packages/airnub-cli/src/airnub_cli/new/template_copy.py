"""A copy of the template for a department, without unused stages and categories; `registry.renamed` replaces its names.

One rule decides what is omitted with a stage or category, so that the template needs no marks: a file whose name or
first line contains its name, a class or function whose first line does, a paragraph of a YAML file, and any other line.
Then unused imports are removed. A test creates and lints the departments that the options allow.
"""

import ast
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from airnub_cli.configuration.registry import REGISTRATION, TEMPLATE, TEMPLATE_FOLDER, Names, renamed
from airnub_cli.workspace import WorkspaceError

STAGES = ("ingestion", "processing", "analysis")
"""The stages in order; each reads the results of the previous one."""
FIRST_CATEGORY = "scheduled_file_downloads"
"""The category that the processing of the template reads."""
EXAMPLE = "example"
"""The name for the template's sample data, the demo that serves them, their report and tests."""
_NOT_CATEGORIES = {"__init__", "stage"}


def template_folder(root: Path) -> Path:
    """The folder of the template."""
    return root / "departments" / TEMPLATE_FOLDER


def categories(root: Path) -> list[str]:
    """The names of the categories of the template's ingestion."""
    folder = template_folder(root) / "src" / TEMPLATE.module / "flows" / "ingestion"
    return sorted(path.stem for path in folder.glob("*.py") if path.stem not in _NOT_CATEGORIES)


def without(path: PurePosixPath, text: str, parts: Collection[str]) -> str | None:
    """Remove stages and categories from a file of the template; `None` if the whole file is omitted.

    Args:
        path: of the file, relative to the template.
        text: of the file.
        parts: names of stages and categories, and `EXAMPLE`.
    """
    if not parts:
        return text
    names = _names(parts)
    if EXAMPLE in parts and EXAMPLE in path.parts:
        return None
    if names.search(path.stem.removeprefix("test_")) or names.search(text.partition("\n")[0]):
        return None
    if path.suffix == ".py":
        return without_unused_imports(_lines_without(text, names, _blocks(text, names)))
    if path.suffix in {".yaml", ".yml"}:
        return "\n\n".join(one for one in text.split("\n\n") if not names.search(one)).rstrip("\n") + "\n"
    return _lines_without(text, names, set())


def without_unused_imports(text: str) -> str:
    """Remove the unused top-level imports of a module."""
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
    """Sort each block of single-line imports of a module by the imported module."""
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
        form
        for part in {*parts} - {EXAMPLE}
        for form in (part, part.replace("_", "-"), f"{part.title().replace('_', '')}Settings")
    }
    words = [rf"(?<![A-Za-z])(?:{'|'.join(sorted(map(re.escape, forms)))})(?![A-Za-z])"] if forms else []
    # "example" is a common word: match only the folder and the package, not the end of a sentence or a host.
    words += [rf"\b{EXAMPLE}(?:/|\.(?!org\b)[a-z])"] if EXAMPLE in parts else []
    return re.compile("|".join(words))


def _blocks(text: str, names: re.Pattern[str]) -> set[int]:
    """The numbers of the lines of removed classes and functions, with the empty lines above them."""
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
        # Imports of several names are left to `without_unused_imports`, unless their module is removed.
        source = line.partition(" import ")[0] if line.startswith("from ") else line
        if names.search(source):
            gone.add(number)
    return "\n".join(_kept(lines, gone))


def _kept(lines: list[str], gone: Collection[int]) -> Iterator[str]:
    """Yield the lines that remain, with one empty line where there was one above and below the removed lines."""
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


_CACHES = {"__pycache__", "dist", "build"}
_BY_HAND = re.compile(r"\n## A new department by hand\n.*?(?=\n## |\Z)", re.DOTALL)
_TEAM = "team-template"


@dataclass(frozen=True, slots=True)
class DepartmentSpec:
    """The validated specification of a new department."""

    names: Names
    owner: str
    contacts: tuple[str, ...] = ()
    """Contacts for questions; empty for the owner."""
    left_out: frozenset[str] = frozenset()
    """Omitted stages and categories of the template, and `EXAMPLE` if its sample data are omitted."""


def department_files(root: Path, wanted: DepartmentSpec) -> dict[str, bytes]:
    """The contents of all files of a new department, by path relative to the root."""
    names, found = wanted.names, {}
    for path in _files(template_folder(root)):
        place = _place(PurePosixPath(path.relative_to(template_folder(root)).as_posix()), names)
        if place is None:
            continue
        content = copied(path, template_folder(root), names, wanted.left_out)
        if content is not None:
            found[place] = content
    return found


def copied(path: Path, folder: Path, names: Names, left_out: Collection[str] = ()) -> bytes | None:
    """Copy one file of the template for a department; `None` if the department omits it.

    Raises:
        WorkspaceError: a Python file of the template cannot be parsed.
    """
    content = path.read_bytes()
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return content
    place = PurePosixPath(path.relative_to(folder).as_posix())
    try:
        made = copied_text(place, text, names, left_out)
    except SyntaxError as error:
        raise WorkspaceError(
            f"{path}:{error.lineno}: expected Python in the template, found: {error.msg}; correct it"
        ) from None
    return None if made is None else made.encode()


def copied_text(path: PurePosixPath, text: str, names: Names, left_out: Collection[str] = ()) -> str | None:
    """Copy the text of a file of the template for a department; `None` if the department omits it.

    Args:
        path: of the file, relative to the template.
        text: of the file.
        names: of the department.
        left_out: omitted stages and categories of the template.

    Raises:
        SyntaxError: a Python file cannot be parsed.
    """
    short = without(path, text, left_out)
    if short is None:
        return None
    text = renamed(_BY_HAND.sub("", short), names)
    return with_sorted_imports(text) if path.suffix == ".py" else text


def registry_entry(root: Path, wanted: DepartmentSpec) -> str:
    """The department's entry in the registry, indented as in the template."""
    text = (template_folder(root) / REGISTRATION / "departments.yaml").read_text(encoding="utf-8")
    entry = text.partition("departments:\n")[2]
    contacts = ", ".join(f'"{one}"' if re.search(r"[^\w.@+-]", one) else one for one in wanted.contacts)
    entry = entry.replace(f"[{_TEAM}]", f"[{contacts or wanted.owner}]").replace(_TEAM, wanted.owner)
    return renamed(entry, wanted.names)


def sample_entry(root: Path, wanted: DepartmentSpec) -> str:
    """The overrides of the environment `sample`, which replace the department's sources by its sample site."""
    path = template_folder(root) / REGISTRATION / "sample.yaml"
    content = copied(path, template_folder(root), wanted.names, wanted.left_out)
    return (content or b"").decode().partition("variables:\n")[2]


def _files(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(one for one in folders if one not in _CACHES and not one.startswith("."))
        yield from (Path(parent, one) for one in sorted(files) if not one.startswith(".") and not one.endswith(".pyc"))


def _place(path: PurePosixPath, names: Names) -> str | None:
    """The destination of a file of the template; `None` if its content becomes part of a different file."""
    if path.parts[0] != REGISTRATION:
        return f"departments/{names.module}/{str(path).replace(TEMPLATE.module, names.module)}"
    if path.parts[1] == "variables":
        return f"configs/variables/{names.module}/{path.name}"
    return f"infra/work-pools/{names.slug}.yaml" if path.name == "work-pool.yaml" else None

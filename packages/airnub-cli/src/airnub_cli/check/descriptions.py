"""Check for departments that still have the descriptions of the template that they were made from.

A department is compared with the present template, and with the one that it records in `template.toml`, both renamed
as by `airnub new department`. Compared are the first paragraph of its README, the descriptions of its stages there and
in `prefect.yaml`, the origin of its sample data, and tests of modules that not every department has. Other texts, such
as lists of files, may be kept.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from airnub_cli.cache import NO_CACHE, Cache
from airnub_cli.configuration.registry import TEMPLATE, TEMPLATE_FOLDER, Names, Registry, load_registry
from airnub_cli.new.template_copy import EXAMPLE, STAGES, copied_text, template_folder
from airnub_cli.template.history import TemplateOrigin, read_origin, template_at
from airnub_cli.workspace import Member, Workspace, WorkspaceError
from airnub_prefect.errors import ConfigurationError, Diagnostic

_FILES = ("README.md", "prefect.yaml", f"src/{TEMPLATE.module}/example/sample_site/SOURCES.md")
_OF_EVERY_DEPARTMENT = {f"test_{one}" for one in ("demo", "department", "pipeline", "processing", "settings", "tasks")}
"""Tests of modules that every department has; those of single flows are in a folder."""
_TEST = re.compile(r"^(?:async )?def test_\w+.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_ROW = re.compile(rf"\|\s*({'|'.join(STAGES)})\s*\|")

Texts = dict[str, str]
"""The files of a template that describe a department, by path relative to its folder."""


def check_descriptions(workspace: Workspace, cache: Cache = NO_CACHE) -> Iterator[Diagnostic]:
    """Warn of each description of a department that is still the template's.

    Args:
        workspace: the checkout.
        cache: of templates that were read from git.
    """
    root = workspace.root
    if not template_folder(root).is_dir():
        return
    try:
        registry = load_registry(root)
    except ConfigurationError:
        registry = Registry(departments=[])  # reported with the deployments
    today = _texts(template_folder(root))
    recorded: dict[str, Texts] = {}
    for member in workspace.members.values():
        if member.kind != "department" or member.folder.name == TEMPLATE_FOLDER:
            continue
        try:
            origin = read_origin(root, member.folder.name)
        except WorkspaceError:
            origin = None  # reported with the member's files
        if origin and origin.tree not in recorded:
            recorded[origin.tree] = _recorded(root, origin.tree, cache)
        registered = registry.named(member.module)
        display = origin.display_name if origin else registered.display_name if registered else ""
        versions = [today, recorded[origin.tree]] if origin else [today]
        yield from _in_words_of(versions, member, Names(member.module, display), origin)


def _texts(template: Path) -> Texts:
    found = (*template.glob("tests/test_*.py"), *template.glob(f"tests/{EXAMPLE}/test_*.py"))
    tests = (path for path in found if path.stem not in _OF_EVERY_DEPARTMENT)
    paths = (*(template / name for name in _FILES), *sorted(tests))
    return {
        path.relative_to(template).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in paths
        if path.is_file()
    }


def _recorded(root: Path, tree: str, cache: Cache) -> Texts:
    """The descriptions in a recorded template, by the hash of its git tree."""
    known = cache.get("templates", tree)
    if isinstance(known, dict):
        return known
    try:
        with template_at(root, tree) as folder:
            texts = _texts(template_folder(folder))
    except WorkspaceError:
        return {}  # not in this history; `airnub template status` reports it
    cache.put("templates", tree, texts)
    return texts


def _in_words_of(
    versions: Sequence[Texts], member: Member, names: Names, origin: TemplateOrigin | None
) -> Iterator[Diagnostic]:
    left_out = origin.left_out if origin else ()
    for path in dict.fromkeys(path for texts in versions for path in texts):
        own = member.folder / path.replace(TEMPLATE.module, member.module)
        if not own.is_file():
            continue
        try:
            # The template of today is mostly that which the department records.
            texts = dict.fromkeys(one[path] for one in versions if path in one)
            copies = [copied_text(PurePosixPath(path), one, names, left_out) for one in texts]
        except SyntaxError:
            continue  # reported by the template's own tests
        text = own.read_text(encoding="utf-8", errors="replace")
        compared = _tests if path.startswith("tests/") else _lines
        yield from compared(path, [copy for copy in copies if copy is not None], own, text, member.module)


def _lines(path: str, copies: Sequence[str], own: Path, text: str, department: str) -> Iterator[Diagnostic]:
    """Warn of lines that describe the department; of adjacent lines, the first is reported."""
    match path:
        case "README.md":
            describing, expected = _of_readme, f"the purpose of {department} and its stages"
        case "prefect.yaml":
            describing, expected = _of_deployments, f"a description of this stage of {department}"
        case _:
            describing, expected = _of_sample, f"the origin of the sample data of {department}"
    theirs = {line for copy in copies for line in describing(copy)}
    before = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line in theirs and before not in theirs:
            message = f"expected {expected}, found the text of the template; replace it"
            yield Diagnostic(str(own), number, message, is_warning=True)
        before = line


def _tests(path: str, copies: Sequence[str], own: Path, text: str, department: str) -> Iterator[Diagnostic]:
    """A file in which every test is the template's."""
    theirs = {one.group().strip() for copy in copies for one in _TEST.finditer(copy)}
    tests = list(_TEST.finditer(text))
    if tests and all(one.group().strip() in theirs for one in tests):
        subject = PurePosixPath(path).stem.removeprefix("test_")
        message = f"expected tests of {department}, found only those of the template's {subject}; replace them"
        yield Diagnostic(str(own), text.count("\n", 0, tests[0].start()) + 1, message, is_warning=True)


def _of_readme(text: str) -> Iterator[str]:
    """The lines of the first paragraph, and the rows of stages above the first section."""
    head = text.partition("\n## ")[0]
    paragraphs = [part for part in head.split("\n\n") if part.strip() and not part.startswith("#")]
    yield from paragraphs[0].splitlines() if paragraphs else ()
    yield from (line for line in head.splitlines() if _ROW.match(line))


def _of_deployments(text: str) -> Iterator[str]:
    """The lines that describe deployments of stages."""
    for entry in text.split("\n\n"):
        if "stage:" in entry:
            yield from (line for line in entry.splitlines() if line.strip().startswith("description: "))


def _of_sample(text: str) -> Iterator[str]:
    yield from (line for line in text.splitlines() if line and not line.startswith("#"))

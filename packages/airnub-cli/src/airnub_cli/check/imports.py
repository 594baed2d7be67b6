"""Imports: who imports whom in the whole workspace, as a graph with lines."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grimp

from airnub_cli.workspace import Workspace
from airnub_prefect.errors import Mistake


@dataclass(frozen=True, slots=True)
class Imports:
    """The graph of all members, and what they import from outside."""

    graph: grimp.ImportGraph
    sources: dict[str, Path]
    """By module of a member, the folder that its package lies in."""

    def path(self, module: str) -> Path:
        """The file of a module of a member."""
        parts = module.split(".")
        path = self.sources[parts[0]].joinpath(*parts)
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

    def line(self, importer: str, imported: str) -> int | None:
        """Where a module imports another, the first time."""
        details = self.graph.get_import_details(importer=importer, imported=imported)
        return min((detail["line_number"] for detail in details), default=None)

    def mistake(self, importer: str, imported: str, message: str) -> Mistake:
        """What is wrong with an import, where it stands."""
        return Mistake(str(self.path(importer)), self.line(importer, imported), message)


@contextmanager
def importable(workspace: Workspace) -> Iterator[None]:
    """The sources of all members can be imported, be they installed or not.

    What they depend on must be installed all the same; a department that was copied a minute ago can be checked.
    """
    before = list(sys.path)
    here = {str(Path(one).resolve()) for one in before}
    folders = [str(member.folder / "src") for member in workspace.members.values() if (member.folder / "src").is_dir()]
    sys.path += [folder for folder in folders if folder not in here]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before


def read_imports(workspace: Workspace, mistakes: list[Mistake]) -> Imports:
    """The graph of those members whose sources can be read; files that are no Python are mistakes.

    Args:
        workspace: whose sources are importable.
        mistakes: gathers what is wrong.
    """
    sources = {
        member.module: member.folder / "src"
        for member in workspace.members.values()
        if (member.folder / "src" / member.module / "__init__.py").is_file()
    }
    for name, folder in list(sources.items()):
        broken = [found for path in sorted((folder / name).rglob("*.py")) if (found := _broken(path))]
        if broken:
            mistakes += broken
            del sources[name]
    if not sources:
        return Imports(grimp.ImportGraph(), sources)
    # Without its cache: it is one more folder in the checkout, and reading everything takes a second for 500 members.
    graph = grimp.build_graph(*sorted(sources), include_external_packages=True, cache_dir=None)
    return Imports(graph, sources)


def _broken(path: Path) -> Mistake | None:
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return Mistake(str(path), getattr(error, "lineno", None), f"broken Python: {getattr(error, 'msg', error)}")
    return None

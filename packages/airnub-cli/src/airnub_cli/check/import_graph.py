"""Imports: who imports whom in the whole workspace, as a graph with lines."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grimp
from grimp.application import usecases
from grimp.application.config import settings
from grimp.application.ports.packagefinder import AbstractPackageFinder
from grimp.domain.valueobjects import Module

from airnub_cli.workspace import Workspace
from airnub_prefect.errors import Diagnostic


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

    def mistake(self, importer: str, imported: str, message: str) -> Diagnostic:
        """What is wrong with an import, where it stands."""
        return Diagnostic(str(self.path(importer)), self.line(importer, imported), message)


def read_imports(workspace: Workspace, mistakes: list[Diagnostic]) -> Imports:
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
    with _quick_grimp(sources):
        # Without its cache: it goes by times of files, and reading everything takes a second for 500 members.
        graph = grimp.build_graph(*sorted(sources), include_external_packages=True, cache_dir=None)
    return Imports(graph, sources)


@contextmanager
def _quick_grimp(sources: Mapping[str, Path]) -> Iterator[None]:
    """Grimp told where packages are, and which modules are of others.

    By itself it asks both of every package for every package: with 500 of them that is most of what it takes. Its tests
    compare the graph with that of grimp alone.
    """

    class Known(AbstractPackageFinder):
        def determine_package_directories(self, package_name: str, file_system: object) -> set[str]:  # noqa: ARG002
            return {str(sources[package_name] / package_name)}

    def is_external(module: Module, package_modules: set[Module]) -> bool:  # noqa: ARG001
        return module.name.partition(".")[0] not in sources

    finder, before = settings.PACKAGE_FINDER, usecases._is_external
    settings.configure(PACKAGE_FINDER=Known())
    usecases._is_external = is_external
    try:
        yield
    finally:
        settings.configure(PACKAGE_FINDER=finder)
        usecases._is_external = before


def _broken(path: Path) -> Diagnostic | None:
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        return Diagnostic(str(path), getattr(error, "lineno", None), f"broken Python: {getattr(error, 'msg', error)}")
    except OSError as error:
        return Diagnostic(str(path), None, f"expected a file that can be read, found: {error.strerror}")
    return None

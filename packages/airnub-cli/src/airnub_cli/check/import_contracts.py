"""Check of the import contracts in the root's `pyproject.toml`; violations are reported with file and line.

Data contracts are in the departments' `contracts/`, and checked by `airnub_cli.data_contracts`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grimp
from grimp.application import usecases
from grimp.application.config import settings
from grimp.application.ports.packagefinder import AbstractPackageFinder
from grimp.domain.valueobjects import Module
from importlinter.api import read_configuration
from importlinter.contracts.acyclic_siblings import AcyclicSiblingsContract
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract
from importlinter.domain.contract import Contract, InvalidContractOptions

from airnub_cli.cache import NO_CACHE, Cache, Fingerprints
from airnub_cli.check.unchanged import imports_of
from airnub_cli.workspace import Workspace
from airnub_prefect.errors import Diagnostic

Link = tuple[str, str]
"""An import: the importing module, and the imported one."""


@dataclass(frozen=True, slots=True)
class Imports:
    """The import graph of all members, including their imports of third-party packages."""

    graph: grimp.ImportGraph
    sources: dict[str, Path]
    """The folder that contains a member's package, by the name of the package."""
    broken: set[Link] = field(default_factory=set)
    """Imports that break a contract by themselves, found by `check_import_contracts`."""

    def path(self, module: str) -> Path:
        """The file of a module of a member."""
        parts = module.split(".")
        path = self.sources[parts[0]].joinpath(*parts)
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

    def line(self, importer: str, imported: str) -> int | None:
        """The line of the first import of one module in another."""
        details = self.graph.get_import_details(importer=importer, imported=imported)
        return min((detail["line_number"] for detail in details), default=None)

    def mistake(self, importer: str, imported: str, message: str) -> Diagnostic:
        """A diagnostic at the first import of one module in another."""
        return Diagnostic(str(self.path(importer)), self.line(importer, imported), message)


def read_imports(
    workspace: Workspace, mistakes: list[Diagnostic], cache: Cache = NO_CACHE, prints: Fingerprints | None = None
) -> Imports:
    """Build the import graph; members with a file that is not valid Python are left out, and the file is reported.

    Args:
        workspace: whose sources are importable.
        mistakes: collects the mistakes.
        cache: of the imports of members whose files are valid Python.
        prints: fingerprints of the workspace, if some were already made.
    """
    prints = prints or Fingerprints(workspace)
    sources = {
        member.module: member.folder / "src"
        for member in workspace.members.values()
        if (member.folder / "src" / member.module / "__init__.py").is_file()
    }
    for name, folder in list(sources.items()):
        broken = imports_of(folder / name, prints, cache)
        if not isinstance(broken, str):
            mistakes += broken
            del sources[name]
    if not sources:
        return Imports(grimp.ImportGraph(), sources)
    with _quick_grimp(sources):
        # Without grimp's cache, which compares times of files; the graph of 500 members takes a second.
        graph = grimp.build_graph(*sorted(sources), include_external_packages=True, cache_dir=None)
    return Imports(graph, sources)


@contextmanager
def _quick_grimp(sources: Mapping[str, Path]) -> Iterator[None]:
    """Give grimp the folders of packages, and the answer which modules are third-party.

    grimp looks up both for every pair of packages, which is most of its time with 500 packages. A test compares the
    graph with that of unmodified grimp.
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


_KINDS: dict[str, type[Contract]] = {
    "layers": LayersContract,
    "forbidden": ForbiddenContract,
    "independence": IndependenceContract,
    "acyclic_siblings": AcyclicSiblingsContract,
}
_OPTIONAL = re.compile(r"[A-Za-z_][\w.]*")


def check_import_contracts(root: Path, imports: Imports) -> Iterator[Diagnostic]:
    """Find imports that break contracts, each once at its line, with the names of the contracts.

    Chains of imports through a wrong import are its consequences, and not reported. Of other chains, those with a
    common import are reported at it, with one of them.

    Args:
        root: of the workspace.
        imports: the import graph; members that it lacks are left out of the contracts, and reported elsewhere. Its
            `broken` receives the wrong imports.
    """
    path = root / "pyproject.toml"
    breaches = _Breaches()
    yield from _other_mistakes(path, imports, breaches)
    yield from breaches.mistakes(imports)


def _other_mistakes(path: Path, imports: Imports, breaches: "_Breaches") -> Iterator[Diagnostic]:
    """Check all contracts: collect wrong imports, and yield other mistakes."""
    try:
        linter = read_configuration(str(path))
    except FileNotFoundError:
        return  # a workspace without contracts
    roots = linter["session_options"]["root_packages"]
    gone = set(roots) - set(imports.sources)
    session = {**linter["session_options"], "root_packages": [name for name in roots if name not in gone]}
    reach = _Reach(imports)
    for options in linter["contracts_options"]:
        name = options.get("name", options.get("id", "?"))
        kind = _KINDS.get(options.get("type", ""))
        if kind is None:
            message = f"contract {name!r}: expected a type of {', '.join(_KINDS)}, found {options.get('type')!r}"
            yield Diagnostic(str(path), _line(path, name), message)
            continue
        try:
            contract = kind(name, session, _without(options, gone))
            if reach.keeps(contract):
                continue
            checked = contract.check(deepcopy(imports.graph), verbose=False)
        except (InvalidContractOptions, ValueError) as error:
            yield Diagnostic(str(path), _line(path, name), f"contract {name!r} cannot be checked: {error}")
            continue
        if not checked.kept:
            yield from _broken(imports, name, checked.metadata, path, breaches)


class _Reach:
    """The transitive imports between top-level packages."""

    def __init__(self, imports: Imports) -> None:
        self._graph = imports.graph
        self._members = imports.sources
        self._found: dict[str, set[str]] = {}

    def keeps(self, contract: Contract) -> bool:
        """Whether a contract about layers of whole packages is certainly kept.

        Without an import chain between two packages there is none between their modules. import-linter checks only the
        other contracts: it searches for a chain between each pair of siblings, which takes seconds with 500 packages.
        """
        said: Any = contract  # its fields have been validated
        if not isinstance(contract, LayersContract) or said.containers or said.exhaustive or said.ignore_imports:
            return False
        layers = [[tail.name for tail in layer.module_tails] for layer in said.layers]
        named = [name for layer in layers for name in layer]
        if not self._members.keys() >= set(named) or not all(layer.is_independent for layer in said.layers):
            return False
        allowed: set[str] = set()
        for layer in reversed(layers):
            for name in layer:
                if self._from(name) & set(named) - allowed - {name}:
                    return False
            allowed |= set(layer)
        return True

    def _from(self, package: str) -> set[str]:
        """All packages that a package imports, transitively."""
        found: set[str] = set()
        waiting = [package]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self._direct(one)
        return found

    def _direct(self, package: str) -> set[str]:
        if package not in self._found:
            modules = {package, *self._graph.find_descendants(package)} if package in self._members else set()
            imported = (name for one in modules for name in self._graph.find_modules_directly_imported_by(one))
            self._found[package] = {name.partition(".")[0] for name in imported} - {package}
        return self._found[package]


@dataclass(slots=True)
class _Breaches:
    """Wrong imports of all contracts: those that break one by themselves, and chains that do."""

    direct: dict[Link, list[str]] = field(default_factory=dict)
    """The contracts by wrong import."""
    chains: list[tuple[str, tuple[Link, ...]]] = field(default_factory=list)
    """Each with its contract."""

    def add(self, contract: str, links: list[dict[str, Any]]) -> None:
        """Add an import chain that breaks a contract."""
        chain = tuple((str(link["importer"]), str(link["imported"])) for link in links)
        if len(chain) > 1:
            self.chains.append((contract, chain))
        else:
            self._name(self.direct.setdefault(chain[0], []), contract)

    def mistakes(self, imports: Imports) -> Iterator[Diagnostic]:
        """A diagnostic for each wrong import; a chain is blamed on as few imports as possible."""
        waiting: list[tuple[str, tuple[Link, ...]]] = []
        for contract, chain in self.chains:
            causes = [link for link in chain if link in self.direct]
            for link in causes:
                self._name(self.direct[link], contract)
            if not causes:
                waiting.append((contract, chain))
        for (importer, imported), contracts in self.direct.items():
            message = f"{importer} imports {imported}, which breaks {_named(contracts)}"
            yield imports.mistake(importer, imported, message)
        imports.broken.update(self.direct)
        while waiting:
            counts = Counter(link for _, chain in waiting for link in dict.fromkeys(chain))
            # The first of the most frequent links, so that of a single chain its first.
            cause = max(counts, key=lambda link: counts[link])
            blamed = [(contract, chain) for contract, chain in waiting if cause in chain]
            waiting = [(contract, chain) for contract, chain in waiting if cause not in chain]
            names: list[str] = []
            for contract, _ in blamed:
                self._name(names, contract)
            chain = min((chain for _, chain in blamed), key=len)
            way = " → ".join([chain[0][0], *(imported for _, imported in chain)])
            others = f" (chains with this import: {len(blamed)})" if len(blamed) > 1 else ""
            subject = f"{chain[0][0]} reaches {chain[-1][1]}"
            if cause != chain[0]:
                subject = f"{cause[0]} imports {cause[1]}, so that {subject}"
            yield imports.mistake(*cause, f"{subject}, which breaks {_named(names)}: {way}{others}")

    @staticmethod
    def _name(contracts: list[str], contract: str) -> None:
        if contract not in contracts:
            contracts.append(contract)


def _named(contracts: Sequence[str]) -> str:
    if len(contracts) == 1:
        return f"the contract {contracts[0]!r}"
    return f"the contracts {', '.join(map(repr, contracts[:-1]))} and {contracts[-1]!r}"


def _broken(
    imports: Imports, name: str, metadata: dict[str, Any], pyproject: Path, breaches: _Breaches
) -> Iterator[Diagnostic]:
    for found in metadata.get("invalid_dependencies", []):
        for route in found["routes"]:
            breaches.add(name, route["chain"])
    for found in metadata.get("invalid_chains", []):
        for chain in found["chains"]:
            breaches.add(name, chain["chain"] if isinstance(chain, dict) else chain)
    for summary in metadata.get("summaries", []):
        message = f"contract {name!r}: expected modules of {summary.package} without circular imports, found some"
        yield Diagnostic(str(imports.path(summary.package)), None, message)
    for module in sorted(metadata.get("undeclared_modules", ())):
        message = f"contract {name!r}: expected {module} to have a layer in {pyproject.name}, found none"
        yield Diagnostic(str(imports.path(module)), None, message)


def _without(options: dict[str, Any], gone: Set[str]) -> dict[str, Any]:
    """A contract without the packages whose sources could not be read."""
    if not gone:
        return options
    changed = dict(options)
    for key in ("containers", "source_modules", "forbidden_modules", "modules"):
        if key in options:
            changed[key] = [name for name in options[key] if name.partition(".")[0] not in gone]
    if "layers" in options:
        changed["layers"] = [
            _OPTIONAL.sub(lambda match: f"({match[0]})" if match[0] in gone else match[0], layer)
            for layer in options["layers"]
        ]
    return changed


def _line(path: Path, name: str) -> int | None:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if line.startswith("name") and name in line), None)

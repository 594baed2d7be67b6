"""The lock file `uv.lock` as a dependency graph, parsed once instead of running uv per department.

A general TOML parser takes many times as long. This parser rejects a text that it does not understand, and its tests
compare its results with `uv export`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from airnub_cli.workspace import WorkspaceError

FILE = "uv.lock"
_SCALAR = re.compile(r'^(name|version|source) = (?:"([^"\n]*)"|\{ (.*) \})$', re.MULTILINE)
_ARRAY = re.compile(r"^([\w.-]+) = \[(.*?)\]$", re.MULTILINE | re.DOTALL)
_HASH = re.compile(r'hash = "([^"]+)"')
_DEPENDENCY = re.compile(
    r'\{ name = "(?P<name>[^"]+)"(?:, version = "(?P<version>[^"]*)")?(?:, source = \{ (?P<source>[^}]*) \})?'
    r'(?:, extra = \[(?P<extras>[^\]]*)\])?(?:, marker = "(?P<marker>[^"]*)")? \}'
)
_MEMBER = re.compile(r'^(?:editable|virtual|directory) = "([^"]+)"')


class Dependency(NamedTuple):
    """One dependency of a package, as a line of the lock."""

    name: str
    version: str
    """Empty, like `source`, unless the lock has several packages of that name."""
    source: str
    extras: tuple[str, ...]
    marker: str


class Node(NamedTuple):
    """A package, or an extra or a group of one, with dependencies of its own."""

    name: str
    version: str
    source: str
    part: str = ""
    """Empty, `[extra]` or `:group`."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package of the lock."""

    name: str
    version: str
    source: str
    hashes: tuple[str, ...]
    parts: dict[str, tuple[Dependency, ...]]
    """Dependencies: of the package under the empty name, of an extra under `[extra]`, of a group under `:group`."""

    @property
    def folder(self) -> str | None:
        """The folder of a member of the workspace; `None` for other packages."""
        match = _MEMBER.match(self.source)
        return match[1] if match else None

    @property
    def origin(self) -> str:
        """The source, if it decides the content; empty for registries, since hashes identify the files."""
        return "" if self.source.startswith("registry = ") else self.source

    def node(self, part: str = "") -> Node:
        """The node of the package, or of an extra or a group."""
        return Node(self.name, self.version, self.source, part)


class Edge(NamedTuple):
    """A dependency in the graph: its target and the marker."""

    target: Node
    marker: str


@dataclass(frozen=True)
class Slice:
    """The part of the lock that a member installs."""

    members: tuple[str, ...]
    """Folders of the installed members, sorted."""
    text: str
    """The resolved third-party packages; equal texts install the same."""


@dataclass(frozen=True)
class Lock:
    """All packages of the lock and their dependencies."""

    packages: tuple[Package, ...] = ()

    @cached_property
    def _named(self) -> dict[str, list[Package]]:
        named: dict[str, list[Package]] = {}
        for package in self.packages:
            named.setdefault(package.name, []).append(package)
        return named

    def named(self, name: str) -> list[Package]:
        """All packages of a name; empty if the lock has none."""
        return self._named.get(name, [])

    def members(self) -> dict[str, Package]:
        """Members of the workspace by folder, without the root."""
        return {folder: one for one in self.packages if (folder := one.folder) is not None and folder != "."}

    def edges(self, package: Package, part: str = "") -> Iterator[Edge]:
        """The dependencies of a package, or of an extra or a group of it."""
        for dependency in package.parts.get(part, ()):
            for target in self.targets(dependency):
                yield Edge(target.node(), dependency.marker)
                for extra in dependency.extras:
                    yield Edge(target.node(f"[{extra}]"), dependency.marker)

    def targets(self, dependency: Dependency) -> list[Package]:
        """The packages that a dependency may resolve to; several if markers decide."""
        found = self.named(dependency.name)
        if len(found) > 1 and dependency.version:
            found = [one for one in found if one.version == dependency.version]
        if len(found) > 1 and dependency.source:
            found = [one for one in found if one.source == dependency.source]
        return found

    def slice(self, name: str, extras: Iterable[str] = ()) -> Slice:
        """The part of the lock that a member installs, with some of its extras and without its groups.

        Raises:
            WorkspaceError: the member is not in the lock.
        """
        roots = self.named(name)
        if not roots:
            raise WorkspaceError(f"expected {name} in uv.lock, found no such package; run `uv lock`")
        known = self._known
        waiting = [one.node(part) for one in roots for part in ("", *(f"[{extra}]" for extra in extras))]
        found: set[Node] = set()
        while waiting:
            node = waiting.pop()
            if node in known and node not in found:
                found.add(node)
                waiting += known[node].leads_to
        members = {match[1] for node in found if (match := _MEMBER.match(node.source))} - {"."}
        return Slice(tuple(sorted(members)), "\n".join(known[node].line for node in sorted(found)))

    @cached_property
    def _known(self) -> dict[Node, "_Known"]:
        parts = ((package, part) for package in self.packages for part in {"", *package.parts})
        return {package.node(part): self._know(package, part) for package, part in parts}

    def _know(self, package: Package, part: str) -> "_Known":
        edges = list(self.edges(package, part))
        said = sorted({f"{one.target.name}{one.target.part}=={_version(one.target)} {one.marker}" for one in edges})
        own = () if part else (_version(package), package.origin, *sorted(package.hashes))
        return _Known(f"{package.name}{part} {own} {said}", tuple(one.target for one in edges))


class _Known(NamedTuple):
    """A node as slices contain it."""

    line: str
    """Version, source, hashes and dependencies in one line."""
    leads_to: tuple[Node, ...]


def _version(one: Package | Node) -> str:
    """The version; empty for a member, whose version is in its pyproject.toml."""
    return "" if _MEMBER.match(one.source) else one.version


def load_lock(text: str) -> Lock:
    """Parse a lock; results are cached by text.

    Raises:
        WorkspaceError: the text does not have the format of uv.
    """
    return _load(text)


@lru_cache(maxsize=4)
def _load(text: str) -> Lock:
    head, *blocks = text.replace("\r\n", "\n").split("\n[[package]]\n")
    if not re.match(r"version = 1$", head, re.MULTILINE):
        raise WorkspaceError(f"expected uv.lock to begin with `version = 1`, found {head[:40]!r}; run `uv lock`")
    return Lock(tuple(_package(block) for block in blocks))


def _package(block: str) -> Package:
    own, *tables = block.split("\n[package.")
    scalars = {key: text or table for key, text, table in _SCALAR.findall(own)}
    if "name" not in scalars or "source" not in scalars:
        raise WorkspaceError(
            f"expected packages with a name and a source in uv.lock, found {block[:80]!r}; run `uv lock`"
        )
    parts = {"": tuple(_dependencies(own, "dependencies"))}
    for table in tables:
        kind, _, rest = table.partition("]\n")
        if kind in {"optional-dependencies", "dev-dependencies"}:
            shape = "[{}]" if kind.startswith("optional") else ":{}"
            read = ((shape.format(key), tuple(_read(elements))) for key, elements in _ARRAY.findall(rest))
            parts |= {part: dependencies for part, dependencies in read if dependencies}
    return Package(
        scalars["name"], scalars.get("version", ""), scalars["source"], tuple(_HASH.findall(own)), parts,
    )  # fmt: skip


def _dependencies(text: str, key: str) -> Iterator[Dependency]:
    start = text.find(f"\n{key} = [")
    if start >= 0 and (match := _ARRAY.match(text, start + 1)):
        yield from _read(match[2])


def _read(elements: str) -> Iterator[Dependency]:
    found = list(_DEPENDENCY.finditer(elements))
    if len(found) != elements.count("{ name = "):
        raise WorkspaceError(
            f"expected dependencies in the format of uv in uv.lock, found {elements[:200]!r}; run `uv lock`"
        )
    for one in found:
        extras = tuple(sorted(extra.strip(' "') for extra in (one["extras"] or "").split(",") if extra.strip()))
        yield Dependency(one["name"], one["version"] or "", one["source"] or "", extras, one["marker"] or "")

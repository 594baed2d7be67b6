"""The lock file `uv.lock` as a dependency graph, parsed once instead of running uv per department.

A general TOML parser takes many times as long. This one refuses a text that it does not understand, and its tests
compare it with `uv export`.
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
    """One line of a package: on what it stands."""

    name: str
    version: str
    """Said only where the lock has several of that name, as the source is."""
    source: str
    extras: tuple[str, ...]
    marker: str


class Node(NamedTuple):
    """A package, or an extra or a group of it: what stands on others by itself."""

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
    """What it stands on: by itself under the empty name, for an extra under `[extra]`, for a group under `:group`."""

    @property
    def folder(self) -> str | None:
        """Where a member of the workspace lies, `None` for everything else."""
        match = _MEMBER.match(self.source)
        return match[1] if match else None

    @property
    def origin(self) -> str:
        """Where it comes from, as far as that says what it is: what has hashes is the same from everywhere."""
        return "" if self.source.startswith("registry = ") else self.source

    def node(self, part: str = "") -> Node:
        """It, or a part of it."""
        return Node(self.name, self.version, self.source, part)


class Edge(NamedTuple):
    """From a node to one that it stands on."""

    target: Node
    marker: str


@dataclass(frozen=True)
class Slice:
    """What one installs of the lock."""

    members: tuple[str, ...]
    """Folders, sorted."""
    text: str
    """Everything that decides what is installed of all others; equal texts install the same."""


@dataclass(frozen=True)
class Lock:
    """All packages, and which stands on which."""

    packages: tuple[Package, ...] = ()

    @cached_property
    def _named(self) -> dict[str, list[Package]]:
        named: dict[str, list[Package]] = {}
        for package in self.packages:
            named.setdefault(package.name, []).append(package)
        return named

    def named(self, name: str) -> list[Package]:
        """Every version of a package; nothing when it is not locked."""
        return self._named.get(name, [])

    def members(self) -> dict[str, Package]:
        """Members of the workspace by their folder; not the root."""
        return {folder: one for one in self.packages if (folder := one.folder) is not None and folder != "."}

    def edges(self, package: Package, part: str = "") -> Iterator[Edge]:
        """What a package, or a part of it, stands on."""
        for dependency in package.parts.get(part, ()):
            for target in self.targets(dependency):
                yield Edge(target.node(), dependency.marker)
                for extra in dependency.extras:
                    yield Edge(target.node(f"[{extra}]"), dependency.marker)

    def targets(self, dependency: Dependency) -> list[Package]:
        """The package that a line means; several where it leaves that open."""
        found = self.named(dependency.name)
        if len(found) > 1 and dependency.version:
            found = [one for one in found if one.version == dependency.version]
        if len(found) > 1 and dependency.source:
            found = [one for one in found if one.source == dependency.source]
        return found

    def slice(self, name: str, extras: Iterable[str] = ()) -> Slice:
        """What a member installs, with some of its extras and without its groups.

        Raises:
            WorkspaceError: it is not locked.
        """
        roots = self.named(name)
        if not roots:
            raise WorkspaceError(f"expected uv.lock to hold {name}, found no such package; run `uv lock`")
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
    """Of a node, for slices."""

    line: str
    """All that decides what is installed by it."""
    leads_to: tuple[Node, ...]


def _version(one: Package | Node) -> str:
    """That of a member stands in its pyproject.toml, which is one of its sources."""
    return "" if _MEMBER.match(one.source) else one.version


def load_lock(text: str) -> Lock:
    """The lock that a text is; the same text is read once.

    Raises:
        WorkspaceError: it is not as uv writes it.
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
        raise WorkspaceError(f"expected a package of uv.lock with a name and a source, found {block[:80]!r}")
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
        raise WorkspaceError(f"expected dependencies as uv writes them into uv.lock, found {elements[:200]!r}")
    for one in found:
        extras = tuple(sorted(extra.strip(' "') for extra in (one["extras"] or "").split(",") if extra.strip()))
        yield Dependency(one["name"], one["version"] or "", one["source"] or "", extras, one["marker"] or "")

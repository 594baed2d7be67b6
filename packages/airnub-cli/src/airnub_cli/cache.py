"""A cache of results on disk, in files named by a digest of all inputs of the result.

A department's fingerprint covers its own sources, those of all members that it depends on, as Python would find them
now, and the environment; and, for every result, this command, the version of Python and all installed distributions.
The cache may be removed at any time, and several commands may use it at once. Where it cannot be read or written,
everything is computed again.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import airnub_cli
import airnub_prefect
from airnub_cli.workspace import Member, Workspace, importable_names
from airnub_common import write_atomic

CACHE = "AIRNUB_CACHE"
"""Names the cache folder, and so is no input of a result."""
_SHELL = {"_", "COLUMNS", "LINES", "OLDPWD", "PWD", "SHLVL", "TERM_SESSION_ID", "WINDOWID"}
"""Variables that a shell or a terminal sets for each command or window; they are no inputs of results."""
_PLACES = {"PYTHONPATH", "VIRTUAL_ENV"}
"""Variables with the places of packages; what Python finds there is part of each digest."""
_LOOKS = (b"environ", b"getenv", b"pydantic_settings", b"BaseSettings", b"dotenv", b"expandvars")
_SAID = ("AIRNUB_", "PREFECT_")
_OURS = {"airnub_cli", "airnub_common", "airnub_core", "airnub_prefect"}
"""Our own packages; when they are imported, they read only variables with the prefixes `_SAID`."""


def machinery() -> str:
    """A digest of the inputs of all results: this command, Python, installed distributions, our variables."""
    own = [read_tree(Path(str(module.__file__)).parent) for module in (airnub_cli, airnub_prefect)]
    installed = sorted({name for _, names in importable_names() for name in names if name.endswith(".dist-info")})
    said = sorted(f"{name}={value}" for name, value in _environment() if name.startswith(_SAID))
    return digest_of(sys.version, *(one.digest if one else os.urandom(8).hex() for one in own), *installed, *said)


def digest_of(*parts: str) -> str:
    """One digest of several texts."""
    whole = hashlib.sha256()
    for part in parts:
        encoded = part.encode(errors="surrogateescape")
        whole.update(len(encoded).to_bytes(8, "big") + encoded)
    return whole.hexdigest()


class Fingerprints:
    """The fingerprints of one workspace; each file is read once, and must not change in between."""

    def __init__(self, workspace: Workspace, environment: Mapping[str, str] | None = None) -> None:
        """Nothing is read yet.

        Args:
            workspace: the checkout.
            environment: of this command as it started; default: the present one. Modules may change it when they are
                imported, as polars does.
        """
        self._workspace = workspace
        self._environment = "\n".join(sorted(f"{name}={value}" for name, value in _environment(environment)))
        self._known: dict[str, Tree | None] = {}
        self._trees: dict[Path, Tree | None] = {}

    def tree(self, folder: Path) -> "Tree | None":
        """The files of a folder, read once; `None` as `read_tree` returns it."""
        if folder not in self._trees:
            self._trees[folder] = read_tree(folder)
        return self._trees[folder]

    def of(self, member: Member, *more: str) -> str | None:
        """The fingerprint of a member; `None` if one of its dependencies cannot be found or hashed.

        Args:
            member: a department.
            more: further inputs.
        """
        parts = [*more, *self._hiding]
        for one in self._workspace.closure(member):
            sources = self._sources(one)
            if sources is None:
                return None
            looks = sources.looks and one.module not in _OURS
            parts += [one.name, sources.digest, self._environment if looks else ""]
        return digest_of(*parts)

    def imported(self) -> str | None:
        """The fingerprint of all members together."""
        parts = list(self._hiding)
        for member in self._workspace.members.values():
            sources = self._sources(member)
            if sources is None:
                return None
            looks = sources.looks and member.module not in _OURS
            parts += [member.name, sources.digest, self._environment if looks else ""]
        return digest_of(*parts)

    def _sources(self, member: Member) -> "Tree | None":
        if member.name not in self._known:
            folder = self._places.get(member.module)
            package = None if folder is None else folder / member.module
            is_package = package is not None and (package / "__init__.py").is_file()
            self._known[member.name] = self.tree(package) if package and is_package else None
        return self._known[member.name]

    @cached_property
    def _hiding(self) -> list[str]:
        """Other packages in folders of PYTHONPATH: they have no .dist-info, and may hide installed ones."""
        given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        own = {member.module for member in self._workspace.members.values()} | {"__pycache__"}
        found = (sorted(names) for folder, names in importable_names() if folder in given)
        return [name for names in found for name in names if name not in own]

    @cached_property
    def _places(self) -> dict[str, Path]:
        """The path at which Python finds each module."""
        wanted = {member.module for member in self._workspace.members.values()}
        places: dict[str, Path] = {}
        for folder, names in importable_names():
            for name in wanted.intersection(names):
                places.setdefault(name, Path(folder))
        return places


class Tree:
    """The files of a folder."""

    def __init__(self) -> None:
        self.looks = False
        """Whether a file reads the environment."""
        self.whole = hashlib.sha256()

    @property
    def digest(self) -> str:
        """The digest of the names and contents of all files."""
        return self.whole.hexdigest()


def read_tree(folder: Path) -> Tree | None:
    """Read all files of a folder; `None` if there is no folder, or if it has links, which may lead anywhere."""
    found = Tree()
    return found if folder.is_dir() and _add(found, str(folder), "") else None


def _add(found: Tree, folder: str, place: str) -> bool:
    with os.scandir(folder) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_symlink():
            return False
        if entry.is_dir():
            if entry.name != "__pycache__" and not _add(found, entry.path, f"{place}{entry.name}/"):
                return False
            continue
        content = read_content(entry.path)
        name = f"{place}{entry.name}".encode()
        found.whole.update(len(name).to_bytes(8, "big") + name + content.digest)
        found.looks = found.looks or content.looks
    return True


class Content(NamedTuple):
    """The content of a file, as far as fingerprints need it."""

    digest: bytes
    """SHA-256."""
    looks: bool
    """Whether it is Python code that reads the environment."""


_SETTLED = 2_000_000_000
"""Nanoseconds after which a further change of a file changes its times, on any file system."""
_contents: dict[str, tuple[tuple[int, ...], Content]] = {}


def read_content(path: str) -> Content:
    """Read a file, unless its times, size and inode have not changed since this process read it.

    Raises:
        OSError: it cannot be read.
    """
    stat = os.stat(path)  # noqa: PTH116  # for tens of thousands of files; `Path` takes several times as long
    now = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    before, known = _contents.get(path, (None, None))
    if known is not None and before == now:
        return known
    with open(path, "rb") as file:  # noqa: PTH123  # as above
        content = file.read()
    found = Content(hashlib.sha256(content).digest(), path.endswith(".py") and any(word in content for word in _LOOKS))
    if time.time_ns() - max(stat.st_mtime_ns, stat.st_ctime_ns) > _SETTLED:
        _contents[path] = now, found
    return found


def _environment(given: Mapping[str, str] | None = None) -> list[tuple[str, str]]:
    values = os.environ if given is None else given
    return [(name, value) for name, value in values.items() if name != CACHE and name not in _SHELL | _PLACES]


DAYS = 14
"""Entries that were not read for this number of days are removed."""
_DAY = 24 * 60 * 60
_SWEPT = "swept"


class Cache:
    """A folder of answers."""

    def __init__(self, folder: Path | None) -> None:
        """Take the folder; nothing is written yet.

        Args:
            folder: the folder of the entries; `None` for a cache that stores nothing.
        """
        self._folder = folder

    @classmethod
    def of_user(cls) -> "Cache":
        """The cache of this user, for all commands and checkouts: `$AIRNUB_CACHE`, else in the user's cache folder."""
        if said := os.environ.get(CACHE):
            return cls(Path(said))
        try:
            return cls(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "airnub")
        except RuntimeError:
            return cls(None)  # a user without a home

    def get(self, kind: str, digest: str | None) -> Any:
        """Get a result; `None` if there is none, or if it is damaged.

        Args:
            kind: of the result.
            digest: of the inputs of the result, without those of all results; `None` if they are unknown.
        """
        path = self._path(kind, digest)
        if path is None:
            return None
        try:
            head, _, content = path.read_bytes().partition(b"\n")
            if head.decode(errors="replace") != _sum(content):
                return None
            value = json.loads(content)
            if time.time() - path.stat().st_mtime > _DAY:
                os.utime(path)
        except (OSError, ValueError):
            return None
        return value

    def put(self, kind: str, digest: str | None, value: Any) -> None:
        """Store a result, if JSON can represent it exactly and the folder can be written."""
        path = self._path(kind, digest)
        if path is None or self._folder is None:
            return
        try:
            content = json.dumps(value, separators=(",", ":")).encode()
            if json.loads(content) != value:
                return
            write_atomic(path, _sum(content).encode() + b"\n" + content)
            self._sweep(self._folder)
        except (OSError, TypeError, ValueError):
            return

    def _path(self, kind: str, digest: str | None) -> Path | None:
        if self._folder is None or digest is None:
            return None
        return self._folder / kind / f"{digest_of(self._machinery, digest)}.json"

    @cached_property
    def _machinery(self) -> str:
        return machinery()

    def _sweep(self, folder: Path) -> None:
        """Once a day, remove entries that were not read for a long time."""
        mark = folder / _SWEPT
        if mark.is_file() and time.time() - mark.stat().st_mtime < _DAY:
            return
        write_atomic(mark, "")
        for path in folder.glob("*/*"):
            with suppress(FileNotFoundError):  # a different process sweeps, too
                if time.time() - path.stat().st_mtime > DAYS * _DAY:
                    path.unlink()


class DeferredCache(Cache):
    """A cache whose new entries are kept in memory until `flush`, or dropped with it."""

    def __init__(self, cache: Cache) -> None:
        """Defer the entries of a cache."""
        self._cache = cache
        self._entries: dict[tuple[str, str], Any] = {}

    def get(self, kind: str, digest: str | None) -> Any:
        """The deferred entry, else that of the cache."""
        if digest is not None and (kind, digest) in self._entries:
            return self._entries[kind, digest]
        return self._cache.get(kind, digest)

    def put(self, kind: str, digest: str | None, value: Any) -> None:
        """Keep an entry in memory."""
        if digest is not None:
            self._entries[kind, digest] = value

    @property
    def entries(self) -> list[tuple[str, str, Any]]:
        """Kind, digest and value of the entries in memory."""
        return [(kind, digest, value) for (kind, digest), value in self._entries.items()]

    def flush(self) -> None:
        """Write all entries to the cache."""
        for entry in self.entries:
            self._cache.put(*entry)
        self._entries.clear()


NO_CACHE = Cache(None)
"""A cache without entries, which stores nothing."""


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

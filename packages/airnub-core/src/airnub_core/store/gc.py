"""Garbage collection: find and remove files that no manifest refers to.

Removed: objects without a manifest, staging folders of dead processes (after their recovery), damaged indexes that
were set aside, and empty folders. Kept: partial downloads (`partials`), which the next run resumes; objects beside a
damaged manifest; manifests without an object; objects with a manifest, even if no URL has them any more; and, while a
process writes into the store, objects and empty folders.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from airnub_core.errors import DamagedManifestError, StoreError
from airnub_core.store.base import Store
from airnub_core.store.factory import open_for_writing
from airnub_core.store.fsck import ObjectFolder, object_folders
from airnub_core.store.layout import SUFFIX
from airnub_core.store.location import StoreLocation
from airnub_core.store.objects import ContentStore, remove_empty

Kind = Literal["object", "staging", "index", "folder"]
_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Orphan:
    """A file or folder that nothing refers to.

    `kind` is `object`: an object without a manifest; `staging`: the staging folder of a killed process; `index`: a
    damaged index that was set aside; or `folder`: an empty folder.
    """

    path: str
    """Path relative to the store."""
    kind: Kind
    size: int
    """Size in bytes; 0 for an empty folder."""


@dataclass(slots=True)
class GarbageCollection:
    """The result of a garbage collection; `removed` is the part of `found` that was removed."""

    found: list[Orphan] = field(default_factory=list)
    removed: list[Orphan] = field(default_factory=list)
    writers: int = 0
    """Number of live processes that write into the store."""


def collect(place: Path | StoreLocation, *, dry_run: bool = False) -> GarbageCollection:
    """Find files that no manifest refers to, and remove them.

    While a process writes into the store, objects and empty folders are reported but not removed, since the process may
    be about to write the manifest of such an object. No process can start writing during the removal. Objects beside a
    damaged manifest are kept, since it is unknown which of them it refers to. A manifest without its object is kept,
    too; `verify` reports it.

    In a bucket only objects without a manifest are found. A bucket has no lock that shows writers, so the caller has
    to make sure that no process writes.

    Args:
        place: the store.
        dry_run: only find, remove nothing.

    Raises:
        StoreError: the store cannot be read or written.
    """
    place = StoreLocation.at(place)
    store = place.store()
    if not isinstance(store, ContentStore):
        return _collect_objects(store, dry_run=dry_run)
    result = GarbageCollection()
    try:
        # The long scan runs without the lock; its findings are checked again under the lock.
        unclaimed = [folder for folder in object_folders(store) if _unclaimed(folder)]
        with _no_new_writers(store):
            result.found, _ = _dead_and_alive(store)
        if not dry_run and result.found:
            # Opening a store for writing recovers the complete bodies of dead processes, and removes the rest.
            with open_for_writing(place):
                result.removed = [leftover for leftover in result.found if not (store.root / leftover.path).exists()]
        with _no_new_writers(store):
            _, result.writers = _dead_and_alive(store)
            nobody_writes = result.writers == 0
            for leftover in _set_aside(store):
                _take(store, leftover, result, remove=not dry_run)
            for folder in unclaimed:
                for leftover in _still_unclaimed(store, folder):
                    _take(store, leftover, result, remove=not dry_run and nobody_writes)
            for leftover in _empty_folders(store):
                _take(store, leftover, result, remove=not dry_run and nobody_writes)
    except OSError as error:
        raise StoreError.of(error, store.root) from error
    return result


def _collect_objects(store: Store, *, dry_run: bool) -> GarbageCollection:
    result = GarbageCollection()
    for folder in list(object_folders(store)):
        for path in sorted(_unclaimed(folder)):
            leftover = Orphan(path, "object", store.digest(path)[1])
            result.found.append(leftover)
            if not dry_run:
                store.remove(path)
                result.removed.append(leftover)
    store.close()
    return result


@contextmanager
def _no_new_writers(store: ContentStore) -> Iterator[None]:
    """Hold the lock that writers take on start; without a staging folder there are no writers and no lock."""
    staging = store.hidden / "staging"
    if not staging.is_dir():
        yield
        return
    with FileLock(staging / _LOCK):
        yield


def _unclaimed(folder: ObjectFolder) -> set[str]:
    if any(isinstance(manifest, DamagedManifestError) for _, manifest in folder.manifests):
        return set()
    return set(folder.objects) - {
        manifest.path for _, manifest in folder.manifests if not isinstance(manifest, DamagedManifestError)
    }


def _still_unclaimed(store: ContentStore, folder: ObjectFolder) -> Iterator[Orphan]:
    known = {path for path, _ in folder.manifests}
    now = {path.relative_to(store.root).as_posix() for path in (store.root / folder.path).glob(f"*{SUFFIX}")}
    if now != known:
        return
    for path in sorted(_unclaimed(folder)):
        if (store.root / path).is_file():
            yield Orphan(path, "object", (store.root / path).stat().st_size)


def _dead_and_alive(store: ContentStore) -> tuple[list[Orphan], int]:
    """The staging folders of dead processes, and the number of live processes."""
    dead: list[Orphan] = []
    alive = 0
    staging = store.hidden / "staging"
    for folder in sorted(staging.iterdir()) if staging.is_dir() else ():
        if not folder.is_dir():
            continue
        try:
            with FileLock(folder / _LOCK, timeout=0):
                dead.append(Orphan(folder.relative_to(store.root).as_posix(), "staging", _size(folder)))
        except Timeout:
            alive += 1
    return dead, alive


def _set_aside(store: ContentStore) -> Iterator[Orphan]:
    for path in sorted(store.hidden.glob("damaged-*")):
        yield Orphan(path.relative_to(store.root).as_posix(), "index", path.stat().st_size)


def _empty_folders(store: ContentStore) -> Iterator[Orphan]:
    """Empty folders, innermost first, so that parents that become empty are found too."""
    for pattern in ("[!.]*/??/*", "[!.]*/??", "[!.]*"):
        for path in sorted(store.root.glob(pattern)):
            if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
                yield Orphan(path.relative_to(store.root).as_posix(), "folder", 0)


def _take(store: ContentStore, leftover: Orphan, result: GarbageCollection, *, remove: bool) -> None:
    result.found.append(leftover)
    if not remove:
        return
    path = store.root / leftover.path
    if leftover.kind == "folder":
        path.rmdir()
    else:
        path.unlink()
    if leftover.kind == "object":
        # Folders that become empty are removed too.
        remove_empty(path.parents[:3])
    result.removed.append(leftover)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != _LOCK)

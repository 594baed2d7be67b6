"""Verification: hash every object again, and report the damaged ones."""

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby, zip_longest
from typing import NamedTuple, TypeVar

from airnub_core.concurrency import in_order
from airnub_core.errors import DamagedManifestError, DamagedObjectError, StoreError
from airnub_core.store.base import Store
from airnub_core.store.manifest import Manifest
from airnub_core.store.withdrawal import Withdrawal

AHEAD = 16
"""Folders per core that are hashed ahead of the results; a higher number only needs more memory."""

Found = TypeVar("Found")
Claim = tuple[str, Manifest | DamagedManifestError]
Digests = dict[str, tuple[str, int] | DamagedObjectError]
"""Digest and size in bytes of the objects of one folder, by path; an error for an unreadable object."""


class ObjectFolder(NamedTuple):
    """The paths of all objects, and the paths and contents of all manifests, of one digest of one source."""

    path: str
    """Path of the folder, relative to the store."""
    objects: list[str]
    manifests: list[Claim]


@dataclass(slots=True)
class Verification:
    """Result of the verification of a store."""

    objects: int = 0
    """Number of objects, damaged ones included."""
    size: int = 0
    """Total size in bytes of all readable objects."""
    manifests: int = 0
    """Number of valid manifests with an undamaged object."""
    sound: dict[str, Manifest] = field(default_factory=dict)
    """The valid manifests by path, if `keep_manifests`."""
    withdrawals: list[Withdrawal] = field(default_factory=list)
    """The withdrawals, if `keep_manifests`."""
    damaged: list[StoreError] = field(default_factory=list)
    """One error per damaged object, manifest or withdrawal."""


def verify(
    store: Store, on_object: Callable[[int], None] = lambda _size: None, *, keep_manifests: bool = True
) -> Verification:
    """Hash every object again, on all cores, and compare its digest with its folder and its manifests.

    Args:
        store: the store, which is not changed.
        on_object: called with the size in bytes of each hashed object.
        keep_manifests: whether the result contains manifests and withdrawals; if not, memory use is constant.

    Raises:
        OSError, StoreError: the store cannot be listed.
    """
    result = Verification()
    cores = os.cpu_count() or 1
    # Hashing releases the GIL, so one thread per core.
    with ThreadPoolExecutor(cores) as pool:
        for folder, digests in in_order(pool, partial(_hashed, store), object_folders(store), AHEAD * cores):
            for path, found in digests.items():
                result.objects += 1
                if isinstance(found, DamagedObjectError):
                    result.damaged.append(found)
                    continue
                digest, size = found
                result.size += size
                on_object(size)
                expected = path.split("/")[-2]
                if digest.partition(":")[2] != expected:
                    where = f"{store.name}/{path}"
                    result.damaged.append(DamagedObjectError(where, f"expected sha256:{expected}, found {digest}"))
            _check_manifests(store, folder, digests, result, keep=keep_manifests)
    for withdrawal in store.withdrawals():
        if isinstance(withdrawal, DamagedManifestError):
            result.damaged.append(withdrawal)
        elif keep_manifests:
            result.withdrawals.append(withdrawal)
    return result


def _hashed(store: Store, folder: ObjectFolder) -> tuple[ObjectFolder, Digests]:
    digests: Digests = {}
    for path in folder.objects:
        try:
            digests[path] = store.digest(path)
        except DamagedObjectError as error:
            digests[path] = error
    return folder, digests


def _check_manifests(store: Store, folder: ObjectFolder, digests: Digests, result: Verification, *, keep: bool) -> None:
    claimed: set[str] = set()
    for path, manifest in folder.manifests:
        if isinstance(manifest, DamagedManifestError):
            result.damaged.append(manifest)
            continue
        where = f"{store.name}/{path}"
        claimed.add(manifest.path)
        found = digests.get(manifest.path)
        if found is None:
            result.damaged.append(DamagedManifestError(where, f"expected the object {manifest.path}, found none"))
        elif isinstance(found, DamagedObjectError) or found[0] != manifest.digest:
            continue  # the damaged object is reported already
        elif found[1] != manifest.size:
            reason = f"expected a size of {found[1]:,} bytes, found {manifest.size:,}"
            result.damaged.append(DamagedManifestError(where, reason))
        else:
            result.manifests += 1
            if keep:
                result.sound[path] = manifest
    for path in sorted(digests.keys() - claimed):
        where = f"{store.name}/{path}"
        result.damaged.append(DamagedManifestError(where, "expected a manifest beside the object, found none"))


def object_folders(store: Store) -> Iterator[ObjectFolder]:
    """Yield every folder that has an object or a manifest, once.

    Objects and manifests are listed in parallel. If both lists have the same order, only folders with one kind but not
    the other are held in memory.

    Raises:
        OSError, StoreError: the store cannot be listed.
    """
    objects: dict[str, list[str]] = {}
    manifests: dict[str, list[Claim]] = {}
    by_objects = _grouped((path, path) for path in store.objects())
    by_manifests = _grouped((claim[0], claim) for claim in store.manifests())
    for objects_there, manifests_there in zip_longest(by_objects, by_manifests):
        if objects_there is not None:
            objects.setdefault(objects_there[0], []).extend(objects_there[1])
        if manifests_there is not None:
            manifests.setdefault(manifests_there[0], []).extend(manifests_there[1])
        for there in (objects_there, manifests_there):
            if there is not None and there[0] in objects and there[0] in manifests:
                yield ObjectFolder(there[0], objects.pop(there[0]), manifests.pop(there[0]))
    for path in sorted(objects.keys() | manifests.keys()):
        yield ObjectFolder(path, objects.get(path, []), manifests.get(path, []))


def _grouped(found: Iterable[tuple[str, Found]]) -> Iterator[tuple[str, list[Found]]]:
    for folder, group in groupby(found, key=lambda one: one[0].rpartition("/")[0]):
        yield folder, [one for _, one in group]

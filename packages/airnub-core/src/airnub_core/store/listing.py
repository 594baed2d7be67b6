"""Folders of objects: what lies beside each other in a store, one digest at a time, however large the store is."""

import errno
from collections.abc import Iterable, Iterator
from itertools import groupby, zip_longest
from pathlib import Path
from typing import NamedTuple, TypeVar

from airnub_core.errors import DamagedManifestError
from airnub_core.store.manifest import Manifest
from airnub_core.store.protocol import Store

Found = TypeVar("Found")
Claim = tuple[str, Manifest | DamagedManifestError]
NOT_EMPTY = frozenset({errno.EEXIST, errno.ENOTEMPTY})
"""What systems call a folder that is in the way since something is in it."""


class ObjectFolder(NamedTuple):
    """The objects and the manifests, with their paths, of one digest of one source."""

    path: str
    """Relative to the store."""
    objects: list[str]
    manifests: list[Claim]


def object_folders(store: Store) -> Iterator[ObjectFolder]:
    """Every folder that holds an object or a manifest, once.

    Objects and manifests are walked side by side. Where both come in the same order only as many folders are held in
    memory as have the one without the other.

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


def remove_empty(folders: Iterable[Path]) -> None:
    """Remove folders one by one, up to the first that is not empty; none is listed, since it may hold very much.

    Raises:
        OSError: one cannot be removed for another reason.
    """
    for folder in folders:
        try:
            folder.rmdir()
        except OSError as error:
            if error.errno not in NOT_EMPTY:
                raise
            return

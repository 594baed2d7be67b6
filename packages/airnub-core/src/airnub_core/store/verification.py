"""Verification: every object is hashed again, and what is damaged is named."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from airnub_common import digest_of
from airnub_core.errors import DamagedManifestError, DamagedObjectError, StoreError
from airnub_core.store.content_store import ContentStore
from airnub_core.store.manifest import Manifest


@dataclass(slots=True)
class Verification:
    """What a look at a whole store found; `sound` holds the manifests, by path, whose objects are whole."""

    objects: int = 0
    size: int = 0
    """Of all objects, in bytes."""
    sound: dict[str, Manifest] = field(default_factory=dict)
    damaged: list[StoreError] = field(default_factory=list)


def verify(store: ContentStore, on_object: Callable[[int], None] = lambda _size: None) -> Verification:
    """Hash every object again, on all cores, and compare it with its folder and its manifests.

    Args:
        store: the store to look at; nothing in it is changed.
        on_object: told the size in bytes of each object that was hashed.

    Raises:
        OSError: the store's folder cannot be listed.
    """
    result = Verification()
    found: dict[str, tuple[str, int]] = {}
    with ThreadPoolExecutor() as pool:
        for path, outcome in pool.map(lambda path: (path, _digest(store.root / path)), store.objects()):
            result.objects += 1
            if isinstance(outcome, StoreError):
                result.damaged.append(outcome)
                continue
            digest, size = outcome
            result.size += size
            on_object(size)
            expected = Path(path).parent.name
            if digest.partition(":")[2] != expected:
                result.damaged.append(
                    DamagedObjectError(str(store.root / path), f"expected sha256:{expected}, found {digest}")
                )
            found[path] = outcome
    result.damaged.extend(_check_manifests(store, found, result.sound))
    return result


def _digest(path: Path) -> tuple[str, int] | StoreError:
    try:
        return digest_of(path), path.stat().st_size
    except OSError as error:
        return DamagedObjectError(str(path), error.strerror or str(error))


def _check_manifests(
    store: ContentStore, found: dict[str, tuple[str, int]], sound: dict[str, Manifest]
) -> Iterator[DamagedManifestError]:
    claimed: set[str] = set()
    for path, manifest in store.manifests():
        if isinstance(manifest, DamagedManifestError):
            yield manifest
            continue
        claimed.add(manifest.path)
        if manifest.path not in found:
            yield DamagedManifestError(str(store.root / path), f"expected the object {manifest.path}, found none")
            continue
        digest, size = found[manifest.path]
        if digest != manifest.digest:
            continue  # the object is damaged, and named already
        if size != manifest.size:
            yield DamagedManifestError(
                str(store.root / path), f"expected a size of {size:,} bytes, found {manifest.size:,}"
            )
        else:
            sound[path] = manifest
    for path in sorted(found.keys() - claimed):
        yield DamagedManifestError(str(store.root / path), "expected a manifest beside the object, found none")

"""Inputs: the current objects of a dataset's sources, in the order in which they became current."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from airnub_common import sha256_hex
from airnub_core.errors import DatasetError
from airnub_core.store.base import Store
from airnub_core.store.factory import open_store
from airnub_core.store.index import Index, Scope
from airnub_core.store.location import StoreLocation


class InputObject(NamedTuple):
    """Object that is the current content of at least one URL of a source."""

    digest: str
    """Digest of its bytes: `sha256:…`."""
    path: str
    """Path relative to the store."""
    source: str
    """Source that received it last."""
    changed_at: str
    """Time at which the object became current, the latest one if several URLs have it; ISO 8601 in UTC."""


def check_store(dataset: str, place: StoreLocation) -> None:
    """Verify that the content store exists: opening it would create an empty one.

    Raises:
        DatasetError: the content store does not exist.
    """
    if isinstance(place.objects, Path) and not place.objects.is_dir():
        raise DatasetError(
            dataset, f"expected a content store in {place.name}, found no such folder; run the ingestion first"
        )


def current_objects(store: Store, index: Index, sources: Sequence[str], suffix: str) -> list[InputObject]:
    """List the distinct current objects of the sources whose name ends with the suffix, or with the suffix and `.gz`.

    Of an API source with `records`, only the files of records are listed, not the raw pages.

    Args:
        store: content store, for the manifests of objects.
        index: index of the content store.
        sources: names of the sources.
        suffix: end of the object names, such as `.csv`; an empty one matches all.

    Returns:
        Objects ordered by `changed_at`, then by digest.

    Raises:
        StoreError: the store or its index cannot be read.
    """
    found: dict[str, InputObject] = {}
    for source in sources:
        for digest, path, changed_at, _ in _of_source(store, index.objects(source), f"/{source}.jsonl"):
            if not path.endswith((suffix, f"{suffix}.gz")):
                continue
            before = found.get(digest)
            # The index has no defined order, so the path breaks ties.
            if before is None or (before.changed_at, before.path) < (changed_at, path):
                found[digest] = InputObject(digest, path, source, changed_at)
    return sorted(found.values(), key=lambda one: (one.changed_at, one.digest))


def incomplete_sources(index: Index, sources: Sequence[str]) -> list[str]:
    """Return one sentence for each incomplete source: its last run has failed items, or has not ended.

    A source without recorded runs, which never ran or last ran with an earlier release, counts as complete.

    Raises:
        StoreError: the index cannot be read.
    """
    last = index.last_runs(Scope.SOURCE)
    reasons = []
    for one in (last[source] for source in sources if source in last):
        if one.ended_at is None:
            reasons.append(f"the run of {one.name} that began at {one.began_at} has not ended")
        elif one.failed:
            which = "1 item" if one.failed == 1 else f"{one.failed:,} items"
            first = f", the first: {one.failures[0].error}" if one.failures else ""
            reasons.append(f"{which} of {one.name} failed in its last run{first}")
    return reasons


def why_incomplete(dataset: str, store: Path | StoreLocation | None, sources: Sequence[str]) -> list[str]:
    """Return the result of `incomplete_sources` for a content store that is opened for the call.

    The store is not opened if `sources` is empty.

    Raises:
        DatasetError: the content store does not exist.
        StoreError: the index cannot be read.
    """
    if store is None or not sources:
        return []
    place = StoreLocation.at(store)
    check_store(dataset, place)
    with open_store(place) as (_, index):
        return incomplete_sources(index, sources)


def digest_of_inputs(objects: Sequence[InputObject]) -> str:
    """Return one digest of the ordered list of objects: 64 hexadecimal digits."""
    return sha256_hex("\n".join(one.digest for one in objects).encode())


def _of_source(
    store: Store, rows: Sequence[tuple[str, str, str, str]], records: str
) -> Sequence[tuple[str, str, str, str]]:
    collected = [row for row in rows if row[1].endswith(records)]
    if collected and store.manifest(collected[0][3]).derived_from:
        return collected
    return rows

"""Inputs: the current objects of a dataset's sources, in the order in which they became current."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from airnub_common import sha256_hex
from airnub_core.errors import DatasetError
from airnub_core.store.factory import open_store
from airnub_core.store.index import Index, Scope
from airnub_core.store.location import StoreLocation
from airnub_core.store.protocol import Store


class InputObject(NamedTuple):
    """An object that some URL of a source has now."""

    digest: str
    path: str
    """Relative to the store."""
    source: str
    changed_at: str
    """When it became current, of several URLs with the latest; ISO 8601 in UTC."""


def check_store(dataset: str, place: StoreLocation) -> None:
    """Raises:
    DatasetError: there is no content store; opening it would make an empty one.
    """
    if isinstance(place.objects, Path) and not place.objects.is_dir():
        raise DatasetError(
            dataset, f"expected a content store in {place.name}, found no such folder; run the ingestion first"
        )


def current_objects(store: Store, index: Index, sources: Sequence[str], suffix: str) -> list[InputObject]:
    """Every current object of the sources whose name ends with the suffix, each once.

    Of an API with `records` the files of records count, never its raw pages. A name may end with `.gz` as well.

    Returns:
        In the order of `changed_at`, and of digests where that is equal.

    Raises:
        StoreError: the store or its index cannot be read.
    """
    found: dict[str, InputObject] = {}
    for source in sources:
        for digest, path, changed_at, _ in _of_source(store, index.objects(source), f"/{source}.jsonl"):
            if not path.endswith((suffix, f"{suffix}.gz")):
                continue
            before = found.get(digest)
            # Of equally late ones the path decides, since the index gives them in any order.
            if before is None or (before.changed_at, before.path) < (changed_at, path):
                found[digest] = InputObject(digest, path, source, changed_at)
    return sorted(found.values(), key=lambda one: (one.changed_at, one.digest))


def incomplete_sources(index: Index, sources: Sequence[str]) -> list[str]:
    """Why sources are not complete, a sentence each: items failed in the last run, or it has not ended.

    A source that never ran, or whose runs are not noted since they are of an earlier release, counts as complete.

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
    """The same, of a content store that is opened for it; nothing is asked of it where there is no source.

    Raises:
        DatasetError: there is no content store.
        StoreError: the index cannot be read.
    """
    if store is None or not sources:
        return []
    place = StoreLocation.at(store)
    check_store(dataset, place)
    with open_store(place) as (_, index):
        return incomplete_sources(index, sources)


def digest_of_inputs(objects: Sequence[InputObject]) -> str:
    """One digest of the ordered list of objects; 64 hexadecimal digits."""
    return sha256_hex("\n".join(one.digest for one in objects).encode())


def _of_source(
    store: Store, rows: Sequence[tuple[str, str, str, str]], records: str
) -> Sequence[tuple[str, str, str, str]]:
    collected = [row for row in rows if row[1].endswith(records)]
    if collected and store.manifest(collected[0][3]).derived_from:
        return collected
    return rows

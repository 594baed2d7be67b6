"""Reading what was ingested: the current objects of a source, oldest first, each checked against its digest."""

from collections.abc import Generator, Iterable
from pathlib import Path

from airnub_core.errors import DatasetError
from airnub_core.store.factory import StoreLocation, open_store
from airnub_core.store.index import IndexRow


def read_current(place: Path | StoreLocation, source: str, suffix: str) -> Generator[bytes]:
    """The bytes of every object that a URL of a source has now, each once, in the order of `objects_by_age`.

    Args:
        place: the store; a folder has its index beside it.
        source: its name.
        suffix: of the files that are wanted, such as `.csv`.

    Raises:
        DatasetError: there is no such object.
        DamagedObjectError: the bytes of one are not those of its digest.
        StoreError: the store cannot be read.
    """
    place = place if isinstance(place, StoreLocation) else StoreLocation(place)
    where = place.name
    if isinstance(place.objects, Path) and not place.objects.is_dir():
        raise DatasetError(
            source, f"expected a content store in {where}, found no such folder; run the ingestion first"
        )
    with open_store(place) as (store, index):
        current = objects_by_age(known for known in index.current(source) if known.path.endswith(suffix))
        if not current:
            raise DatasetError(
                source, f"expected {suffix} files of this source in {place.name}, found none; run the ingestion first"
            )
        for digest, path in current.items():
            yield store.read(path, digest)


def objects_by_age(rows: Iterable[IndexRow]) -> dict[str, str]:
    """Paths of objects by digest, in the order in which they became current, then of their digests.

    An object that several URLs share counts with the URL that has changed last.
    """
    newest_first = sorted(rows, key=lambda row: (row.changed_at, row.digest), reverse=True)
    paths: dict[str, str] = {}
    for row in newest_first:
        paths.setdefault(row.digest, row.path)
    return dict(reversed(paths.items()))

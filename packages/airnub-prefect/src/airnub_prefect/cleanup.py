"""Cleanup of a department's stores and datasets, with their disk usage.

Files that a run in flight uses are kept: a partial file that a run has resumed is not listed as waiting, and files of
datasets are kept for the retention, which is longer than any run.
"""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airnub_core import IngestError, StoreLocation
from airnub_core.store.factory import INDEX
from airnub_core.store.partials import Partials

if TYPE_CHECKING:
    # polars and deltalake come with an extra, and take long to import.
    from airnub_data import Dataset, Location

PARTIALS_KEPT = timedelta(days=7)
"""Age at which a partial file is removed; a daily ingestion has tried several times to resume it by then."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Disk usage of one place after the cleanup, and what was removed there."""

    what: str
    """`store`, `index`, `partial files`, `dataset` or `staged rows`."""
    place: str
    files: int | None
    """`None` where files are not counted, as in PostgreSQL."""
    size: int | None
    """In bytes."""
    removed_files: int = 0
    removed_size: int = 0
    """In bytes; 0 in a bucket, where sizes of single files are not requested."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system that holds a store or datasets."""

    place: str
    size: int
    free: int
    """In bytes, for users other than root."""
    taken: int
    """In bytes; blocks reserved for root are neither taken nor free."""

    @property
    def used(self) -> float:
        """The used share, from 0 to 1, as `df` counts it."""
        return self.taken / max(self.taken + self.free, 1)


@dataclass(slots=True)
class Cleanup:
    """Result of a cleanup; with `dry_run`, removed files are those that would be removed."""

    dry_run: bool
    kept: list[Kept] = field(default_factory=list)
    disks: list[Disk] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    """The reason for each place that could not be cleaned up."""

    @property
    def removed_files(self) -> int:
        """Number of removed files in all places."""
        return sum(one.removed_files for one in self.kept)

    @property
    def removed_size(self) -> int:
        """Size of the removed files in all places, in bytes."""
        return sum(one.removed_size for one in self.kept)

    def as_json(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "dry_run": self.dry_run,
            "removed": {"files": self.removed_files, "bytes": self.removed_size},
            "places": [asdict(one) for one in self.kept],
            "disks": [asdict(one) | {"used": round(one.used, 4)} for one in self.disks],
            "errors": self.errors,
        }


def clean_up(
    places: Iterable[StoreLocation],
    datasets: "tuple[Location, Mapping[str, Dataset]] | None" = None,
    *,
    dry_run: bool = False,
    now: datetime | None = None,
) -> Cleanup:
    """Remove partial files that no run resumed for a week, and expired files of datasets; measure disk usage.

    A failure in one place is recorded, and the others are cleaned up all the same. The cleanup is idempotent.

    Args:
        places: locations of stores; a store that does not exist yet is left out.
        datasets: location of the datasets, and their declarations by name; datasets not made yet are left out.
        dry_run: remove nothing.
        now: time that ages are counted from; now by default.
    """
    result, now = Cleanup(dry_run), now or datetime.now(UTC)
    folders: list[Path] = []
    for place in dict.fromkeys(places):
        if isinstance(place.objects, Path) and not place.objects.is_dir():
            continue
        folders += [one for one in (place.objects, place.local) if isinstance(one, Path) and one.is_dir()]
        with _noted(result, place.name):
            result.kept += _cleaned_store(place, now - PARTIALS_KEPT, dry_run=dry_run)
    if datasets is not None:
        location, declared = datasets
        folders += [one for one in (location.root, location.local) if isinstance(one, Path) and one.is_dir()]
        for name, dataset in declared.items():
            with _noted(result, name):
                result.kept += _cleaned_dataset(location, name, dataset.retention, dry_run=dry_run)
        with _noted(result, location.name):
            staged = _usage(location.stage) if folders else (0, 0)
            result.kept.append(Kept("staged rows", location.name, *staged))
    result.disks = list(_disks(folders))
    return result


@contextmanager
def _noted(result: Cleanup, place: str) -> Iterator[None]:
    try:
        yield
    except (IngestError, OSError) as error:
        result.errors[place] = str(error)


def _cleaned_store(place: StoreLocation, before: datetime, *, dry_run: bool) -> Iterator[Kept]:
    partials = Partials(place.hidden)
    if not dry_run:
        partials.clear_removed()
    waiting = list(partials)
    old = [one for one in waiting if one.noted_at < before]
    if not dry_run:
        for one in old:
            partials.remove(one.folder.name, missing_ok=True)
    left = [one for one in waiting if one not in old or dry_run]
    yield Kept("store", place.name, *_store_usage(place))
    if place.index is None:
        files = [path for path in place.hidden.glob(f"{INDEX}*") if path.suffix != ".lock"]
        yield Kept("index", str(place.hidden / INDEX), len(files), sum(path.stat().st_size for path in files))
    yield Kept(
        "partial files", place.name, len(left), sum(one.note.size for one in left),
        len(old), sum(one.note.size for one in old),
    )  # fmt: skip


def _cleaned_dataset(location: "Location", name: str, retention: timedelta, *, dry_run: bool) -> Iterator[Kept]:
    from airnub_data.quarantine import quarantine_name
    from airnub_data.table import Table
    from airnub_data.versions import vacuum

    if Table.open(location, name) is None:
        return
    # A vacuum commits versions to a table even if it removes nothing.
    due = vacuum(location, name, retention, dry_run=True)
    local = location.root if isinstance(location.root, Path) else None
    size = sum(_size(local / path) for path in due) if local is not None else 0
    if due and not dry_run:
        due = vacuum(location, name, retention)
    usage = [location.usage(table) for table in (name, quarantine_name(name))]
    files, total = (sum(part) for part in zip(*usage, strict=True))
    yield Kept("dataset", name, files, total, len(due), size)


def _store_usage(place: StoreLocation) -> tuple[int, int]:
    if isinstance(place.objects, Path):
        return _usage(place.objects, without=place.hidden)
    from airnub_core.store.bucket import Bucket

    return Bucket(place.objects).usage()


def _usage(folder: Path, without: Path | None = None) -> tuple[int, int]:
    """Number and total size in bytes of the files below a folder."""
    files = size = 0
    for parent, children, names in os.walk(folder):
        if without is not None:
            children[:] = [child for child in children if Path(parent, child) != without]
        files += len(names)
        size += sum(_size(Path(parent, name)) for name in names)
    return files, size


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # moved by a run in flight


def _disks(folders: Iterable[Path]) -> Iterator[Disk]:
    """The file systems of the folders, each once."""
    seen: set[int] = set()
    for folder in folders:
        device = folder.stat().st_dev
        if device not in seen:
            seen.add(device)
            usage = shutil.disk_usage(folder)
            yield Disk(str(folder), usage.total, usage.free, usage.used)

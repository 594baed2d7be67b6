"""Pending: what the next run would do to a dataset, and why, without doing it."""

from dataclasses import dataclass
from pathlib import Path

from airnub_core.store.opening import Place, open_store
from airnub_data.code import parts, stage_digest
from airnub_data.dataset import Dataset
from airnub_data.inputs import check_store, current_objects, incomplete_sources
from airnub_data.location import Location
from airnub_data.record import Record, Sidecar
from airnub_data.table import Table


@dataclass(frozen=True, slots=True)
class Pending:
    """What the next run would do."""

    objects: int
    """Current objects of the sources."""
    to_read: int
    """Those whose rows are not known from the version before."""
    new: int
    """Objects that the version before did not have."""
    gone: int
    """Objects that are current no more."""
    changed: tuple[str, ...] = ()
    """Parts of the declaration and its code that differ from the version before, as `code.parts` names them."""
    moved: bool = False
    """Whether the objects are the same, in another order."""
    held: bool = False
    """Whether it was rolled back: then the next run does nothing."""
    incomplete: tuple[str, ...] = ()
    """Why it is skipped: it requires complete sources, and these are not."""

    @property
    def nothing(self) -> bool:
        """Whether the table is what its declaration and its objects give."""
        return not (self.new or self.gone or self.changed or self.moved)

    def __str__(self) -> str:
        if self.held:
            return "nothing: it was rolled back, and waits for `dataset release`"
        if self.nothing:
            return f"nothing: it is what its {self.objects:,} objects give"
        if self.incomplete:
            return f"skipped, since it requires complete sources: {'; '.join(self.incomplete)}"
        reasons = [
            *([f"{', '.join(self.changed)} changed"] if self.changed else ()),
            *([f"{self.new:,} new objects"] if self.new else ()),
            *([f"{self.gone:,} objects gone"] if self.gone else ()),
            *(["the order of the objects changed"] if self.moved else ()),
        ]
        return f"{', '.join(reasons)}; {self.to_read:,} of {self.objects:,} objects are read"


def pending(dataset: Dataset, store: Path | Place, location: Location) -> Pending:
    """What the next run would do to a dataset.

    Raises:
        DatasetError: there is no content store.
        StoreError: the store or the location cannot be read.
    """
    place = store if isinstance(store, Place) else Place(store)
    check_store(dataset.stem, place)
    incomplete: tuple[str, ...] = ()
    with open_store(place) as (objects, index):
        if dataset.requires_complete:
            incomplete = tuple(incomplete_sources(index, dataset.sources))
        now = [one.digest for one in current_objects(objects, index, dataset.sources, dataset.read_by.suffix)]
    table = Table.open(location, dataset.stem)
    last = None if table is None else Record.last(table)
    if last is None:
        return Pending(len(now), len(now), len(now), 0, incomplete=incomplete)
    declared = parts(dataset)
    before = [source.digest for source, _ in Sidecar.read(location, dataset.stem, last).objects]
    new, gone = len(set(now).difference(before)), len(set(before).difference(now))
    return Pending(
        objects=len(now),
        to_read=new if stage_digest(declared) == last.stage_code else len(now),
        new=new,
        gone=gone,
        changed=tuple(name for name, value in declared.items() if last.parts.get(name) != value),
        moved=not new and not gone and now != before,
        held=last.held,
        incomplete=incomplete,
    )

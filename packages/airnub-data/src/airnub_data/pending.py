"""Pending: a dry run that says what the next run would do to a dataset, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from airnub_core.errors import DatasetError
from airnub_core.store.factory import open_store
from airnub_core.store.location import StoreLocation
from airnub_data.code import parts, stage_digest
from airnub_data.dataset import Dataset
from airnub_data.input_versions import InputVersion, digest_of_versions, open_inputs
from airnub_data.inputs import check_store, current_objects, incomplete_sources, why_incomplete
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
            return _skipped(self.incomplete)
        reasons = [
            *([f"{', '.join(self.changed)} changed"] if self.changed else ()),
            *([f"{self.new:,} new objects"] if self.new else ()),
            *([f"{self.gone:,} objects gone"] if self.gone else ()),
            *(["the order of the objects changed"] if self.moved else ()),
        ]
        return f"{', '.join(reasons)}; {self.to_read:,} of {self.objects:,} objects are read"


@dataclass(frozen=True, slots=True)
class PendingInputs:
    """What the next run would do to a dataset with inputs."""

    inputs: tuple[InputVersion, ...]
    """Of today."""
    new: tuple[str, ...] = ()
    """Inputs that hold other rows than those that its version was made of, each with both versions."""
    changed: tuple[str, ...] = ()
    """Parts of the declaration and its code that differ from the version before, as `code.parts` names them."""
    is_new: bool = False
    """Whether there is no version yet."""
    held: bool = False
    """Whether it was rolled back: then the next run does nothing."""
    incomplete: tuple[str, ...] = ()
    """Why it is skipped: it requires complete sources, and these of its inputs are not."""

    @property
    def nothing(self) -> bool:
        """Whether the table is what its declaration and its inputs give."""
        return not (self.new or self.changed or self.is_new)

    def __str__(self) -> str:
        if self.held:
            return "nothing: it was rolled back, and waits for `dataset release`"
        now = ", ".join(map(str, self.inputs))
        if self.nothing:
            return f"nothing: it is what {now} give{'s' if len(self.inputs) == 1 else ''}"
        if self.incomplete:
            return _skipped(self.incomplete)
        if self.is_new:
            return f"it is made of {now}"
        reasons = [*([f"{', '.join(self.changed)} changed"] if self.changed else ()), *self.new]
        return f"{', '.join(reasons)}; it is made of {now}"


def pending(
    dataset: Dataset,
    store: Path | StoreLocation | None,
    location: Location,
    published: Mapping[str, Location] | None = None,
) -> Pending | PendingInputs:
    """What the next run would do to a dataset.

    Args:
        dataset: its declaration.
        store: the content store; a dataset with `inputs` needs none.
        location: where datasets are.
        published: where the datasets of other departments are, as for `make_dataset`.

    Raises:
        DatasetError: there is no content store, or an input has no version.
        StoreError: the store or the location cannot be read.
    """
    if dataset.inputs:
        reasons = why_incomplete(dataset.stem, store, dataset.all_sources) if dataset.requires_complete else []
        return replace(_pending_inputs(dataset, location, published), incomplete=tuple(reasons))
    if store is None:
        raise DatasetError(dataset.stem, f"expected a content store with {', '.join(dataset.sources)}, found None")
    place = StoreLocation.at(store)
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
        changed=_changed(declared, last),
        moved=not new and not gone and now != before,
        held=last.held,
        incomplete=incomplete,
    )


def _pending_inputs(dataset: Dataset, location: Location, published: Mapping[str, Location] | None) -> PendingInputs:
    now = tuple(one.version for one in open_inputs(dataset, location, published))
    table = Table.open(location, dataset.stem)
    last = None if table is None else Record.last(table)
    if last is None:
        return PendingInputs(now, is_new=True)
    if last.inputs == digest_of_versions(now):
        return PendingInputs(now, changed=_changed(parts(dataset), last), held=last.held)
    before = {one.dataset: one for one in map(InputVersion.parse, last.input_versions)}
    new = [
        f"{one.dataset} has version {one.version}"
        + (f" after {before[one.dataset].version}" if one.dataset in before else "")
        for one in now
        if one.dataset not in before or before[one.dataset].digest != one.digest
    ]
    return PendingInputs(now, tuple(new), _changed(parts(dataset), last), held=last.held)


def _skipped(reasons: Sequence[str]) -> str:
    return f"skipped, since it requires complete sources: {'; '.join(reasons)}"


def _changed(declared: Mapping[str, str], last: Record) -> tuple[str, ...]:
    return tuple(name for name, value in declared.items() if last.parts.get(name) != value)

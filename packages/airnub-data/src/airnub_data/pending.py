"""Pending: a dry run that reports what the next run would do to a dataset, and why; `up_to_date` has the rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from airnub_core.errors import DatasetError
from airnub_core.store.factory import open_store
from airnub_core.store.location import StoreLocation
from airnub_data.code import parts, stage_digest
from airnub_data.dataset import Dataset
from airnub_data.input_versions import InputVersion, digest_of_versions, open_inputs
from airnub_data.inputs import check_store, current_objects, digest_of_inputs, incomplete_sources, why_incomplete
from airnub_data.location import Location
from airnub_data.record import Record, Sidecar
from airnub_data.table import Table
from airnub_data.up_to_date import compare, require_objects

_QUARANTINE = "the rows in quarantine are not those of the last commit"


@dataclass(frozen=True, slots=True)
class Pending:
    """Effect of the next run on a dataset with sources."""

    objects: int
    """Number of current objects of the sources."""
    to_read: int
    """Number of objects that have to be read; the rows of all others are known from the previous version."""
    new: int
    """Number of objects that the previous version did not have."""
    gone: int
    """Number of objects of the previous version that are no longer current."""
    changed: tuple[str, ...] = ()
    """Parts of the declaration and its code that changed since the previous version, named as in `code.parts`."""
    is_new: bool = False
    """Whether the dataset has no version yet."""
    moved: bool = False
    """Whether the objects are the same in a different order."""
    quarantine: bool = False
    """Whether only the rows in quarantine differ from those of the last commit, as after a rollback and `release`."""
    held: bool = False
    """Whether the dataset is held after a rollback: the next run does nothing."""
    incomplete: tuple[str, ...] = ()
    """Reasons why the dataset is skipped: it requires complete sources, and these are incomplete."""

    @property
    def nothing(self) -> bool:
        """Whether the table is up to date."""
        return not (self.new or self.gone or self.changed or self.is_new or self.moved or self.quarantine)

    def __str__(self) -> str:
        if self.held:
            return "nothing: it was rolled back, and is held until `dataset release`"
        if self.nothing:
            return f"nothing: up to date with its {self.objects:,} objects"
        if self.incomplete:
            return _skipped(self.incomplete)
        if self.quarantine:
            return f"{_QUARANTINE}, and are written again"
        reasons = [
            *([f"{', '.join(self.changed)} changed"] if self.changed else ()),
            *([f"{self.new:,} new objects"] if self.new else ()),
            *([f"{self.gone:,} objects gone"] if self.gone else ()),
            *(["the order of the objects changed"] if self.moved else ()),
        ]
        return f"{', '.join(reasons)}; {self.to_read:,} of {self.objects:,} objects are read"


@dataclass(frozen=True, slots=True)
class PendingInputs:
    """Effect of the next run on a dataset with inputs."""

    inputs: tuple[InputVersion, ...]
    """Current versions of the inputs."""
    new: tuple[str, ...] = ()
    """Inputs whose rows changed since the previous version of the dataset, each with both versions."""
    changed: tuple[str, ...] = ()
    """Parts of the declaration and its code that changed since the previous version, named as in `code.parts`."""
    is_new: bool = False
    """Whether the dataset has no version yet."""
    quarantine: bool = False
    """Whether only the rows in quarantine differ from those of the last commit, as after a rollback and `release`."""
    held: bool = False
    """Whether the dataset is held after a rollback: the next run does nothing."""
    incomplete: tuple[str, ...] = ()
    """Reasons why the dataset is skipped: it requires complete sources, and these of its inputs are incomplete."""

    @property
    def nothing(self) -> bool:
        """Whether the table is up to date."""
        return not (self.new or self.changed or self.is_new or self.quarantine)

    def __str__(self) -> str:
        if self.held:
            return "nothing: it was rolled back, and is held until `dataset release`"
        now = ", ".join(map(str, self.inputs))
        if self.nothing:
            return f"nothing: up to date with {now}"
        if self.incomplete:
            return _skipped(self.incomplete)
        if self.is_new:
            return f"it is made from {now}"
        reasons = [
            *([f"{', '.join(self.changed)} changed"] if self.changed else ()),
            *self.new,
            *([_QUARANTINE] if self.quarantine else ()),
        ]
        return f"{', '.join(reasons)}; it is made from {now}"


def pending(
    dataset: Dataset,
    store: Path | StoreLocation | None,
    location: Location,
    published: Mapping[str, Location] | None = None,
) -> Pending | PendingInputs:
    """Return what the next run would do to a dataset.

    Args:
        dataset: declaration of the dataset.
        store: content store; `None` for a dataset with `inputs`.
        location: location of the datasets.
        published: locations of the datasets of other departments, as for `make_dataset`.

    Raises:
        DatasetError: the run would fail: the content store does not exist, a dataset without a version has no
            objects, or an input has no version.
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
        inputs = current_objects(objects, index, dataset.sources, dataset.read_by.suffix)
        name = objects.name
    now = [one.digest for one in inputs]
    table = Table.open(location, dataset.stem)
    if not incomplete:  # otherwise the dataset is skipped
        require_objects(dataset, name, inputs, table)
    last = None if table is None else Record.last(table)
    if last is None:
        return Pending(len(now), len(now), len(now), 0, is_new=True, incomplete=incomplete)
    declared = parts(dataset)
    compared = compare(location, dataset.stem, last, declared, digest_of_inputs(inputs))
    before = now
    if not compared.same_inputs:
        before = [source.digest for source, _ in Sidecar.read(location, dataset.stem, last).objects]
    new, gone = len(set(now).difference(before)), len(set(before).difference(now))
    return Pending(
        objects=len(now),
        to_read=new if stage_digest(declared) == last.stage_code else len(now),
        new=new,
        gone=gone,
        changed=compared.changed,
        moved=not (compared.same_inputs or new or gone),
        quarantine=not compared.same_quarantine,
        held=last.held,
        incomplete=incomplete,
    )


def _pending_inputs(dataset: Dataset, location: Location, published: Mapping[str, Location] | None) -> PendingInputs:
    now = tuple(one.version for one in open_inputs(dataset, location, published))
    table = Table.open(location, dataset.stem)
    last = None if table is None else Record.last(table)
    if last is None:
        return PendingInputs(now, is_new=True)
    compared = compare(location, dataset.stem, last, parts(dataset), digest_of_versions(now))
    before = {one.dataset: one for one in map(InputVersion.parse, last.input_versions)}
    new = [
        f"{one.dataset} has version {one.version}"
        + (f" after {before[one.dataset].version}" if one.dataset in before else "")
        for one in now
        if one.dataset not in before or before[one.dataset].digest != one.digest
    ]
    return PendingInputs(now, tuple(new), compared.changed, quarantine=not compared.same_quarantine, held=last.held)


def _skipped(reasons: Sequence[str]) -> str:
    return f"skipped, since it requires complete sources: {'; '.join(reasons)}"

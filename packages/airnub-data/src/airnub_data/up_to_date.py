"""Up to date: code, ordered inputs and quarantine equal those of the last commit; then a run makes no rows again.

code        columns, `key`, `partition_by`, `latest`; the reader, or the names of the inputs; the functions of the
            declaration with the modules of their package that they import; the versions of polars and airnub-data:
            `code.parts`
inputs      the digests of the current objects in their order (`inputs`), or the files and columns of each input
            (`input_versions`)
quarantine  the rows of the quarantine table are those of the version that the commit names; vacuums do not count

A dataset without a version and without objects is not up to date: `require_objects` raises, in a run and in a dry run.

Units, limits, checks and retention are not compared. A dataset that is held after a rollback is skipped before the
comparison. For a dataset that is up to date, `make` still evaluates freshness and reports new columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from airnub_core.errors import NoObjectsError
from airnub_data.dataset import Dataset
from airnub_data.inputs import InputObject
from airnub_data.location import Location
from airnub_data.quarantine import quarantine_name
from airnub_data.record import Record
from airnub_data.table import Table


@dataclass(frozen=True, slots=True)
class Comparison:
    """A dataset compared with its last commit."""

    changed: tuple[str, ...]
    """Parts of the code that differ, named as in `code.parts`."""
    same_inputs: bool
    same_quarantine: bool = True
    """Whether the rows of the quarantine are the same; compared only if code and inputs are."""
    quarantine: Table | None = None
    """The quarantine table, if it was compared and exists."""

    @property
    def is_up_to_date(self) -> bool:
        """Whether nothing differs."""
        return not self.changed and self.same_inputs and self.same_quarantine


def require_objects(dataset: Dataset, store: str, objects: Sequence[InputObject], table: Table | None) -> None:
    """Require that the first version of a dataset has objects; a later version may have none.

    Args:
        dataset: the declaration.
        store: name of the content store.
        objects: the current objects of the sources.
        table: the table, if it exists.

    Raises:
        NoObjectsError: there is neither a table nor an object.
    """
    if not objects and table is None:
        sources, suffix = ", ".join(dataset.sources), dataset.read_by.suffix
        advice = "run the ingestion first, or see `store failed`"
        message = f"expected {suffix} files of {sources} in {store}, found none; {advice}"
        raise NoObjectsError(dataset.stem, message)


def compare(location: Location, stem: str, last: Record, parts: Mapping[str, str], inputs: str) -> Comparison:
    """Compare a dataset with its last commit.

    Args:
        location: location of the datasets.
        stem: name of the dataset's table.
        last: record of the last commit.
        parts: the code, as returned by `code.parts`.
        inputs: digest of the objects or inputs.

    Raises:
        StoreError: the quarantine cannot be read.
    """
    changed = tuple(name for name in dict.fromkeys((*parts, *last.parts)) if parts.get(name) != last.parts.get(name))
    if changed or inputs != last.inputs:
        return Comparison(changed, inputs == last.inputs)
    quarantine = Table.open(location, quarantine_name(stem))
    version = last.quarantine_version
    is_same = version is None if quarantine is None else quarantine.has_content_of(version)
    return Comparison(changed, same_inputs=True, same_quarantine=is_same, quarantine=quarantine)

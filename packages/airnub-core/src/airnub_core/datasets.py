"""Datasets: one source's objects become one typed Parquet file. Needs `[tables]`."""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from airnub_core.dataset_limits import DEFAULT_LIMITS, DatasetLimits
from airnub_core.errors import DatasetError, IngestError, ReaderError
from airnub_core.outcome import Kind, Outcome
from airnub_core.published import Published, versioned
from airnub_core.store.opening import Place
from airnub_core.store.reading import read_current
from airnub_core.tables import (
    Conformed,
    Schema,
    conform,
    may_have_rows,
    rejected_name,
    type_name,
    write_dataset,
    write_rejected,
)
from airnub_core.tolerance import tolerates

NAMED_VIOLATIONS = 3
"""Rules that the error of a dataset names; its outcome has all of them."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One source's rows: how they are read, what they must be, and what tells them apart."""

    name: str
    """Of the source."""
    suffix: str
    """Of the objects that hold rows, such as `.csv`."""
    read: Callable[[str, Iterable[bytes]], pl.DataFrame]
    """Makes rows from the dataset's name and the bytes of its objects, oldest object first; rows keep that order."""
    schema: Schema
    unique: tuple[str, ...] = ()
    """Columns of its key; of rows with the same key the last one wins."""
    version: int = 1
    """Of what is published; the second stands beside the first until nobody reads that any more."""

    @property
    def stem(self) -> str:
        """The name of its file, without the suffix: the source's, and from the second version on with the version."""
        return self.name if self.version == 1 else versioned(self.name, self.version)

    def published(self) -> Published:
        """What others can read: `conform` lets no row pass that is different."""
        fields = {name: (type_name(column.dtype), column.nullable) for name, column in self.schema.items()}
        return Published("dataset", self.name, self.version, fields, self.unique)


def make_dataset(
    dataset: Dataset, store: Path | Place, folder: Path, limits: DatasetLimits = DEFAULT_LIMITS
) -> Outcome:
    """Make a dataset from what its source has in the store now.

    Args:
        dataset: what to make.
        store: the content store.
        folder: where `<stem>.parquet` goes, and `<stem>.quarantine.csv` where rows do not fit.
        limits: beyond them, or where a dataset that had rows would have none, it fails and both files stay; the
            quarantined rows of the attempt are in `<stem>.rejected.csv`.

    Returns:
        Its outcome, `failed` where it cannot be made; with a warning where it is new and has no rows.

    Raises:
        StoreError: the folder cannot be written, or the disk is full.
    """
    try:
        conformed = _conformed(dataset, store)
    except IngestError as error:
        return Outcome(dataset.stem, Kind.FAILED, error=error)
    refusal = _refusal(dataset.stem, conformed, limits, folder)
    if refusal is not None:
        write_rejected(folder, dataset.stem, conformed)
        return Outcome(
            dataset.stem,
            Kind.FAILED,
            error=refusal,
            quarantined=conformed.quarantine.height,
            superseded=conformed.superseded,
            violations=conformed.violations,
        )
    outcome = write_dataset(folder, dataset.stem, conformed)
    return replace(outcome, warning="it has no rows") if conformed.rows.is_empty() else outcome


def _refusal(stem: str, conformed: Conformed, limits: DatasetLimits, folder: Path) -> DatasetError | None:
    """Why rows must not replace what is there, `None` where they may."""
    file, broken = f"{stem}.parquet", conformed.quarantine.height
    violations = "; ".join(map(str, conformed.violations[:NAMED_VIOLATIONS]))
    found = f"{broken:,} of {conformed.read:,}: {violations}. They are in {rejected_name(stem)}"
    if not tolerates(limits.max_quarantined, broken, conformed.read):
        return DatasetError(
            stem,
            f"expected at most {limits.max_quarantined} of the rows read to break a rule, found {found}; {file} is not "
            f"replaced. Correct the source or the schema, or raise dataset_limits.{stem}.max_quarantined",
        )
    if conformed.rows.is_empty() and may_have_rows(folder / file):
        quarantined = f" (rows that break a rule: {found})" if broken else ""
        return DatasetError(
            stem,
            f"expected rows, since {file} is not empty, found none{quarantined}; it is not replaced. "
            "If the dataset is to be empty, remove that file and run again",
        )
    return None


def _conformed(dataset: Dataset, store: Path | Place) -> Conformed:
    """A dataset's rows as they are in the store now.

    Raises:
        IngestError: they cannot be read. Of a `read` that raises anything else it is a `ReaderError`.
    """
    try:
        return conform(dataset.stem, _read(dataset, store), dataset.schema, dataset.unique)
    except IngestError:
        raise
    except Exception as error:
        # `read` is code of a department, which may raise anything; the other datasets are made all the same.
        raise ReaderError.of(dataset.stem, error) from error


def _read(dataset: Dataset, store: Path | Place) -> pl.DataFrame:
    with closing(read_current(store, dataset.name, dataset.suffix)) as contents:
        frame = dataset.read(dataset.name, contents)
    if not isinstance(frame, pl.DataFrame):
        raise DatasetError(dataset.stem, f"expected a polars.DataFrame from `read`, found {type(frame).__name__}")
    return frame

"""Datasets: one source's objects become one typed Parquet file. Needs `[tables]`."""

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from airnub_core.errors import DatasetError, IngestError, ReaderError
from airnub_core.outcome import Kind, Outcome
from airnub_core.published import Published, versioned
from airnub_core.store.opening import Place
from airnub_core.store.reading import read_current
from airnub_core.tables import Conformed, Schema, conform, type_name, write_dataset


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


def make_dataset(dataset: Dataset, store: Path | Place, folder: Path) -> Outcome:
    """Make a dataset from what its source has in the store now.

    Args:
        dataset: what to make.
        store: the content store.
        folder: where `<stem>.parquet` goes, and `<stem>.quarantine.csv` where rows do not fit.

    Returns:
        Its outcome, `failed` where it cannot be made.

    Raises:
        StoreError: the folder cannot be written, or the disk is full.
    """
    try:
        conformed = _conformed(dataset, store)
    except IngestError as error:
        return Outcome(dataset.stem, Kind.FAILED, error=error)
    return write_dataset(folder, dataset.stem, conformed)


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

"""Parquet copies: a dataset as one file beside its table, for readers that open a file by its path."""

import polars as pl

from airnub_core.errors import StoreError
from airnub_data.dataset import Dataset
from airnub_data.location import Location
from airnub_data.scan import open_table, published_rows
from airnub_data.table import Table

_VERSION = "airnub.version"
"""Key in the file's metadata whose value is the version of the table that the file contains."""


def refresh_copy(location: Location, dataset: Dataset) -> bool:
    """Bring `<dataset>.parquet` to the newest version of its table.

    Returns:
        Whether the file was written.

    Raises:
        DatasetError: the table does not exist.
        StoreError: the file cannot be written.
    """
    path = f"{dataset.stem}.parquet"
    written = False
    # A concurrent run may have committed and published its copy during the write, which this older copy has replaced.
    while not (table := open_table(location, dataset.stem)).has_content_of(version_of_copy(location, path)):
        _write(location, dataset, table, path)
        written = True
    return written


def _write(location: Location, dataset: Dataset, table: Table, path: str) -> None:
    file = location.temporary(dataset.stem)
    try:
        published_rows(table, dataset.schema).sink_parquet(
            file, metadata={_VERSION: str(table.version)}, row_group_size=100_000
        )
        location.place(file, path)
    except OSError as error:
        raise StoreError.of(error, path) from error
    finally:
        file.unlink(missing_ok=True)


def remove_copy(location: Location, dataset: Dataset) -> None:
    """Remove the file, and the quarantine file that the previous release wrote: both would become stale.

    Raises:
        StoreError: a file cannot be removed.
    """
    for path in (f"{dataset.stem}.parquet", f"{dataset.stem}.quarantine.csv"):
        location.remove(path)


def version_of_copy(location: Location, path: str) -> int | None:
    """Return the table version of a copy; `None` if there is no copy, or if the previous release wrote it."""
    if not location.has(path):
        return None
    try:
        found = pl.read_parquet_metadata(location.uri(path), storage_options=location.options).get(_VERSION)
    except (pl.exceptions.PolarsError, OSError):
        return None  # damaged or not a Parquet file: it is written again
    return None if found is None else int(found)

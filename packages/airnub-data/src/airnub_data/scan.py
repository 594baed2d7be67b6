"""Scan: read the rows of a dataset."""

from datetime import datetime

import polars as pl

from airnub_core.errors import DatasetError, StoreError
from airnub_data.columns import INTERNAL, Schema
from airnub_data.dataset import Dataset
from airnub_data.location import Location
from airnub_data.table import Table


def scan_dataset(
    location: Location, dataset: Dataset, *, as_of: int | datetime | None = None, internal: bool = False
) -> pl.LazyFrame:
    """Scan the rows of one version of a dataset, with the declared types.

    Args:
        location: location of the datasets.
        dataset: declaration of the dataset.
        as_of: a version, or a time: the version that was current then. Default: the newest version.
        internal: include `_object` and `_record`, which identify the origin of each row.

    Raises:
        DatasetError: the dataset or its version does not exist.
        StoreError: the table cannot be read.
    """
    table = open_table(location, dataset.stem, as_of)
    if as_of is not None:
        # An earlier version may lack columns that are declared now.
        schema = {name: column for name, column in dataset.schema.items() if name in table.schema}
        return published_rows(table, schema, internal=internal)
    return published_rows(table, dataset.schema, internal=internal)


def read_dataset(location: Location, dataset: Dataset) -> pl.DataFrame:
    """Read all rows of a dataset into memory, ordered by its key. An empty dataset is an error: analyses need rows.

    Raises:
        DatasetError: the dataset does not exist or is empty.
        StoreError: the table cannot be read, for example because a file is damaged or missing.
    """
    place = f"{location.name}/{dataset.stem}"
    rows = scan_dataset(location, dataset)
    try:
        found = (rows.sort(dataset.key) if dataset.key else rows).collect()
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = f"expected files that can be read, found: {str(error).strip().splitlines()[0]}"
        raise StoreError(place, f"{reason}; `dataset rollback` may help") from error
    if found.is_empty():
        reason = f"expected rows in {place}, found none; see `dataset quarantine {dataset.stem}`"
        raise DatasetError(dataset.stem, reason)
    return found


def open_table(location: Location, name: str, as_of: int | datetime | None = None) -> Table:
    """Open a table, which must exist.

    Raises:
        DatasetError: the dataset or its version does not exist.
        StoreError: the table cannot be read.
    """
    table = Table.open(location, name, as_of)
    if table is None:
        reason = f"expected a dataset in {location.name}/{name}, found none; run the processing first"
        raise DatasetError(name, reason)
    return table


def published_rows(table: Table, schema: Schema, *, internal: bool = False) -> pl.LazyFrame:
    """Scan a table's rows, cast to the types of their declaration."""
    columns = [pl.col(name).cast(column.dtype) for name, column in schema.items()]
    return table.scan().select(*columns, *(INTERNAL if internal else ()))

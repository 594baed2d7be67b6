"""Testing helpers for departments: the rows that a dataset reads from bytes, and tables with given rows."""

import io

import polars as pl

from airnub_data.columns import OBJECT, RECORD
from airnub_data.conform import Conformed, conform
from airnub_data.dataset import Dataset
from airnub_data.location import Location
from airnub_data.partition_files import described
from airnub_data.readers.chunk import raw_schema
from airnub_data.record import Record
from airnub_data.table import Table, create


def conformed(dataset: Dataset, *objects: bytes) -> Conformed:
    """Read and validate objects with these bytes.

    Rows are not deduplicated by key, and `derive` is not applied.

    Returns:
        Valid rows; and `RECORD` and `REASON` of records that cannot be read and of rows that break a rule.

    Raises:
        DatasetError: an object does not have the reader's format, or lacks a column.
    """
    nothing = conform(pl.DataFrame(schema=raw_schema(dataset.columns)), dataset.columns)
    rows, quarantine = [nothing.rows], [nothing.quarantine]
    for content in objects:
        for chunk in dataset.read_by.read(dataset.stem, io.BytesIO(content), dataset.columns):
            found = conform(chunk.rows, dataset.columns)
            rows.append(found.rows)
            refused = pl.DataFrame(list(chunk.refused), schema=nothing.quarantine.schema, orient="row")
            quarantine.append(pl.concat([found.quarantine, refused]).sort(RECORD))
    return Conformed(pl.concat(rows), pl.concat(quarantine))


def write_rows(location: Location, dataset: Dataset, rows: pl.DataFrame) -> None:
    """Replace the content of a dataset's table by these rows; missing columns are null.

    Raises:
        StoreError: the table cannot be written.
    """
    given = rows.with_columns(pl.lit("sha256:test").alias(OBJECT), pl.int_range(1, pl.len() + 1).alias(RECORD))
    lacking = [pl.lit(None).alias(name) for name in dataset.table_schema if name not in given.columns]
    table = Table.open(location, dataset.stem)
    name = f"{0 if table is None else table.version + 1}.parquet"
    file = location.temporary(dataset.stem)
    whole = given.with_columns(lacking).select(dataset.table_schema.names()).cast(dataset.table_schema)
    whole.write_parquet(file)
    added = [described(name, file)]
    location.place(file, f"{dataset.stem}/{name}")
    record = Record(rows=rows.height).as_json()
    if table is None:
        create(location, dataset.stem, added, dataset.table_schema, record)
    else:
        table.commit(added, list(table.files().values()), dataset.table_schema, record)

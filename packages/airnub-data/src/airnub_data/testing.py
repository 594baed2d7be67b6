"""Testing helpers for departments: the rows that a dataset gives for some bytes, and a table with given rows."""

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
    """The rows of objects with these bytes: those that fit, and those that do not, with `RECORD` and `REASON`.

    Those that do not are records that the reader cannot read, and rows that break a rule.

    What decides between rows, such as the key, comes later: every row is there.

    Raises:
        DatasetError: an object is not of the reader's format at all, or lacks a column.
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
    """Make the table of a dataset have these rows, whatever it had before; columns that they lack are null.

    Raises:
        StoreError: it cannot be written.
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

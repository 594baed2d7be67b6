"""The datasets that are made, by the name of their work."""

import polars as pl

from airnub_data import Column, Csv, Dataset, Day, Hash, JsonLines, Month

SOURCE = "bench"
STATUS = ("ok", "late", "lost")
PATHS = {"id": "id", "at": "properties.at", "place": "properties.place", "value": "properties.value", "x": "where.x"}

_ROWS = {
    "id": Column(pl.String),
    "at": Column(pl.Datetime("us", "UTC")),
    "site": Column(pl.String),
    "value": Column(pl.Float64, minimum=0),
    "status": Column(pl.String, one_of=STATUS),
}
_RECORDS = {
    "id": Column(pl.Int64),
    "at": Column(pl.Datetime("us", "UTC")),
    "place": Column(pl.String),
    "value": Column(pl.Float64, minimum=0),
    "x": Column(pl.Float64),
}

KEYED = Dataset(name="keyed", source=SOURCE, reader=Csv(), columns=_ROWS, key=("id",), partition_by=Month("at"))
PLAIN = Dataset(name="plain", source=SOURCE, reader=Csv(), columns=_ROWS)
DAILY = Dataset(name="daily", source=SOURCE, reader=Csv(), columns=_ROWS, key=("id",), partition_by=Day("at"))
HASHED = Dataset(name="hashed", source=SOURCE, reader=Csv(), columns=_ROWS, key=("id",), partition_by=Hash("id", 400))
NESTED = Dataset(name="nested", source=SOURCE, reader=JsonLines(PATHS), columns=_RECORDS)

"""Datasets that the processing makes: columns, keys, and readers of the ingested objects."""

import polars as pl

from airnub_data import Column, Csv, Dataset, by_name

MEASUREMENTS = Dataset(
    name="measurements",
    source="measurements",
    reader=Csv(),
    columns={
        "location": Column(pl.String),
        "date": Column(pl.Date),
        "precipitation": Column(pl.Float64, minimum=0, unit="mm"),
        "temp_max": Column(pl.Float64, minimum=-90, maximum=60, unit="°C"),
        "temp_min": Column(pl.Float64, minimum=-90, maximum=60, unit="°C"),
    },
    key=("location", "date"),
    parquet_copy=False,
)

DATASETS = by_name(MEASUREMENTS)

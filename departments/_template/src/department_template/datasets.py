"""The datasets that the processing makes, each of a source: what their rows are."""

import polars as pl

from airnub_core.datasets import Dataset
from airnub_core.tables import Column, read_csv

MEASUREMENTS = Dataset(
    "measurements",
    ".csv",
    read_csv,
    {
        "location": Column(pl.String),
        "date": Column(pl.Date),
        "precipitation": Column(pl.Float64, minimum=0),  # mm
        "temp_max": Column(pl.Float64, minimum=-90, maximum=60),  # °C
        "temp_min": Column(pl.Float64, minimum=-90, maximum=60),  # °C
    },
    unique=("location", "date"),
)

DATASETS = {dataset.name: dataset for dataset in (MEASUREMENTS,)}

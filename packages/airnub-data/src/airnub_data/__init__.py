"""Datasets that can be trusted: declared once, made of what was ingested, published by one commit.

>>> from airnub_data import Column, Csv, Dataset
"""

from airnub_data.columns import Column
from airnub_data.dataset import Dataset, by_name
from airnub_data.drift import Drift
from airnub_data.limits import Limits
from airnub_data.location import Location
from airnub_data.make import Made, make_dataset
from airnub_data.partitioning import Day, Hash, Month, Year
from airnub_data.published_datasets import scan
from airnub_data.readers import Csv, Excel, Function, Json, JsonLines, Parquet, Zip
from airnub_data.record import Run
from airnub_data.scan import read_dataset, scan_dataset

__all__ = [
    "Column",
    "Csv",
    "Dataset",
    "Day",
    "Drift",
    "Excel",
    "Function",
    "Hash",
    "Json",
    "JsonLines",
    "Limits",
    "Location",
    "Made",
    "Month",
    "Parquet",
    "Run",
    "Year",
    "Zip",
    "by_name",
    "make_dataset",
    "read_dataset",
    "scan",
    "scan_dataset",
]

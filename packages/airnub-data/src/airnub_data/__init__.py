"""Typed datasets in Delta tables: declared once, made from ingested objects, published in one commit.

>>> from airnub_data import Column, Csv, Dataset

Declaration: `dataset`, `columns`, `partitioning`, `checks`, `limits`.

From objects to rows: `inputs` (current objects), `readers`, `drift` (schema differences), `parsing` and `conform`
(typed values, validation), `stage` (typed rows of one object, cached), `keys` (deduplication by key). Datasets made
from other datasets: `lineage`, `input_versions`, `transformed`.

Publishing: `make` (one run), `up_to_date` (whether it makes anything), `code` (digest of the declaration and its code),
`table` (Delta) with `record` (commit metadata) and `partition_files`, `quarantine`, `evaluation` (checks of a version)
and `check_history`, `parquet_copy`.

Afterwards: `outcome`, `pending` (dry run), `versions` (history, rollback, release, vacuum), `scan` and
`published_datasets` (reading by declaration or by contract), `contract_checks`, `location` (folder or bucket),
`testing`.
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

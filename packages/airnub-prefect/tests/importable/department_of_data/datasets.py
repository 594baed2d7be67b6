"""Its dataset."""

import polars as pl

from airnub_data import Column, Csv, Dataset, by_name

ORDERS = Dataset(
    name="orders",
    source="shop",
    reader=Csv(),
    columns={"id": Column(pl.Int64), "price": Column(pl.Float64, minimum=0, unit="EUR")},
    key=("id",),
)

DATASETS = by_name(ORDERS)

"""Its dataset."""

import polars as pl

from airnub_data import Column, Csv, Dataset, by_name
from airnub_data.checks import expression

ORDERS = Dataset(
    name="orders",
    source="shop",
    reader=Csv(),
    columns={"id": Column(pl.Int64), "price": Column(pl.Float64, minimum=0, unit="EUR")},
    key=("id",),
    checks=(expression("cheap", pl.col("price") < 1_000, expected="a price below 1,000"),),
)

DATASETS = by_name(ORDERS)

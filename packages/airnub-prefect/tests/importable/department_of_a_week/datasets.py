"""Its datasets: two of the shop, one of which requires all of its files, and one of a source that never fails."""

import polars as pl

from airnub_data import Column, Csv, Dataset, Month, by_name
from airnub_data.checks import fresh, row_count_change, unique

COLUMNS = {
    "id": Column(pl.String),
    "price": Column(pl.Decimal(12, 2), minimum=0, unit="EUR"),
    "sold_at": Column(pl.Datetime("us", "UTC")),
    "receipt": Column(pl.String),
}

SALES = Dataset(
    name="sales",
    source="shop",
    reader=Csv(),
    columns=COLUMNS,
    key=("id",),
    partition_by=Month("sold_at"),
    checks=(unique("receipt"), fresh("sold_at", within="36h"), row_count_change(max_shrink="20%")),
    parquet_copy=False,
)
LEDGER = Dataset(
    name="ledger",
    source="shop",
    reader=Csv(),
    columns=COLUMNS,
    checks=(unique("id"),),
    requires_complete=True,
    max_shrink="30%",
    parquet_copy=False,
)
PRICES = Dataset(
    name="prices",
    source="list",
    reader=Csv(),
    columns={"article": Column(pl.String), "price": Column(pl.Float64, minimum=0, unit="EUR")},
    key=("article",),
    parquet_copy=False,
)

DATASETS = by_name(SALES, LEDGER, PRICES)

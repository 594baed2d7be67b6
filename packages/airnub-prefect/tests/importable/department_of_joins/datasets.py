"""Its datasets: one of a source, one of that, and one of that and of another department's."""

import polars as pl

from airnub_data import Column, Csv, Dataset, by_name
from airnub_data.checks import row_count

ORDERS = Dataset(
    name="orders",
    source="shop",
    reader=Csv(),
    columns={"id": Column(pl.Int64), "price": Column(pl.Float64, minimum=0)},
    key=("id",),
)


def total(orders: pl.LazyFrame) -> pl.LazyFrame:
    """The sum of all orders."""
    return orders.select(pl.len().cast(pl.Int64).alias("orders"), pl.col("price").sum())


TOTALS = Dataset(
    name="totals",
    inputs=(ORDERS,),
    transform=total,
    columns={"orders": Column(pl.Int64), "price": Column(pl.Float64)},
    checks=(row_count(minimum=1),),
)


def share(totals: pl.LazyFrame, everywhere: pl.LazyFrame) -> pl.LazyFrame:
    """The department's share of what all sold."""
    return totals.join(everywhere, how="cross").select(share=pl.col("price") / pl.col("all"))


SHARES = Dataset(
    name="shares",
    inputs=(TOTALS, "crm_of_tests/everywhere"),
    transform=share,
    columns={"share": Column(pl.Float64)},
)

DATASETS = by_name(SHARES, TOTALS, ORDERS)

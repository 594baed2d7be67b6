"""The datasets of the workloads, by workload name."""

from dataclasses import replace

import polars as pl

from airnub_data import Column, Csv, Dataset, Day, Hash, JsonLines, Month
from airnub_data.checks import Check, expression, fresh, function, reference, row_count, row_count_change, unique

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
SITES = Dataset(name="sites", source="sites", reader=Csv(), columns={"site": Column(pl.String)}, key=("site",))
HASHED = Dataset(name="hashed", source=SOURCE, reader=Csv(), columns=_ROWS, key=("id",), partition_by=Hash("id", 400))
NESTED = Dataset(name="nested", source=SOURCE, reader=JsonLines(PATHS), columns=_RECORDS)


def values_differ(rows: pl.LazyFrame) -> bool | str:
    """A check as a department writes one, which reads two columns."""
    spread = rows.group_by("status").agg(pl.col("value").std()).collect(engine="streaming")["value"].min()
    return (isinstance(spread, float) and spread > 1) or f"a spread of {spread}"


_VALUE, _AT, _SITE = pl.col("value"), pl.col("at"), pl.col("site")
_FROM, _TO = (pl.datetime(year, 2, 1, time_unit="us", time_zone="UTC") for year in (2023, 2025))


def twenty(*differ: str) -> tuple[Check, ...]:
    """Twenty checks that the rows of a dataset pass; `differ` has the columns of `unique`."""
    return (
        unique(*differ),
        row_count(minimum=1),
        row_count_change(max_shrink="20%", max_growth="200%"),
        fresh("at", within="5000w"),
        reference("site", to="sites"),
        function(values_differ),
        expression("value_below", _VALUE < 1_000),
        expression("value_sane", _VALUE.is_finite()),
        expression("after_start", _AT >= _FROM),
        expression("before_end", _AT < _TO),
        expression("site_named", _SITE.str.starts_with("s")),
        expression("site_short", _SITE.str.len_bytes() <= 4),
        expression("id_long", pl.col("id").str.len_bytes() == 9),
        expression("id_named", pl.col("id").str.starts_with("o")),
        expression("lost_below", (pl.col("status") != "lost") | (_VALUE < 1_000)),
        expression("late_above", (pl.col("status") != "late") | (_VALUE >= 0), over="touched"),
        expression("mean", _VALUE.mean().is_between(10, 90)),
        expression("largest", _VALUE.max() > 90),
        expression("few_lost", (pl.col("status") == "lost").mean() < 0.5),
        expression("no_null", _SITE.null_count() == 0),
    )


# Only the key differs in every row. `unique` does not use the key, so it costs the same for any two columns.
KEYED_CHECKED = replace(KEYED, checks=twenty("at", "id"))
PLAIN_CHECKED = replace(PLAIN, checks=twenty("id"))

"""Features known at the end of a day, and the target: whether the next day is wet.

Every column of a day is computed from that day and earlier days of the same place. Missing days stay missing:
"yesterday" is the previous calendar day, not the previous row.
"""

import math

import polars as pl

FEATURES = (
    "wet_today",  # 0 or 1
    "rain_today",  # log(1 + mm), as are the other amounts: a few downpours would outweigh all else
    "rain_yesterday",
    "rain_3_days",
    "rain_7_days",
    "temp_max",  # °C
    "temp_min",  # °C
    "temp_max_change",  # °C since yesterday
    "wind",  # m/s
    "year_sine",
    "year_cosine",
)

_PRECIPITATION = pl.col("precipitation")


def with_features(days: pl.DataFrame, wet_day_mm: float) -> pl.DataFrame:
    """One row per place and calendar day: `location`, `date`, and `FEATURES` as Float64.

    A feature is null where a day it needs is missing, as in the first six days of a place.

    Args:
        days: as `dataset.load_days` returns them.
        wet_day_mm: the minimum precipitation of a wet day, in mm.
    """
    angle = pl.col("date").dt.ordinal_day() * (2 * math.pi / 365.25)
    return _every_calendar_day(days).select(
        "location",
        "date",
        wet_today=_PRECIPITATION.ge(wet_day_mm).cast(pl.Float64),
        rain_today=_PRECIPITATION.log1p(),
        rain_yesterday=_PRECIPITATION.shift(1).over("location").log1p(),
        rain_3_days=_rain_of(days=3),
        rain_7_days=_rain_of(days=7),
        temp_max="temp_max",
        temp_min="temp_min",
        temp_max_change=pl.col("temp_max") - pl.col("temp_max").shift(1).over("location"),
        wind="wind",
        year_sine=angle.sin(),
        year_cosine=angle.cos(),
    )


def examples(days: pl.DataFrame, wet_day_mm: float) -> pl.DataFrame:
    """The rows to learn from: complete features, `target_date` (the day after `date`) and `wet_tomorrow` (0 or 1).

    Args:
        days: as `dataset.load_days` returns them.
        wet_day_mm: the minimum precipitation of a wet day, in mm.
    """
    return (
        with_features(days, wet_day_mm)
        .with_columns(
            target_date=pl.col("date").dt.offset_by("1d"),
            wet_tomorrow=pl.col("wet_today").shift(-1).over("location"),
        )
        .drop_nulls()
    )


def _rain_of(*, days: int) -> pl.Expr:
    """Today and the days before it, `days` in all; null where one of them is missing."""
    return _PRECIPITATION.rolling_sum(days, min_samples=days).over("location").log1p()


def _every_calendar_day(days: pl.DataFrame) -> pl.DataFrame:
    """The days with a row of nulls for every missing day, sorted, so that a shift by one row is a shift by one day."""
    whole_span = pl.date_range(pl.col("date").min(), pl.col("date").max()).alias("date")
    calendar = days.group_by("location").agg(whole_span).explode("date").sort("location", "date")
    return calendar.join(days, on=["location", "date"], how="left", maintain_order="left")

"""The question: where does it rain more, in Seattle or in New York? Pure: a table in, tables and a sentence out."""

import polars as pl

WET_DAY_MM = 1.0
"""Precipitation of a wet day: the threshold of the WMO's index of wet days (ETCCDI, R1mm)."""

_wet = pl.col("precipitation") >= WET_DAY_MM


def by_place(weather: pl.DataFrame) -> pl.DataFrame:
    """Rain of each place over all its days, the place with the largest share of wet days first.

    Args:
        weather: the dataset `noaa_daily_weather`, precipitation in mm.

    Returns:
        A row a place: location, days, wet_days, wet_share (of 1), rain (mm), rain_per_wet_day (mm), wettest_day (mm),
        longest_dry_spell (days).
    """
    ordered = weather.sort("location", "date")
    spells = ordered.with_columns(_wet.rle_id().over("location").alias("spell"))
    dry = (
        spells.filter(~_wet)
        .group_by("location", "spell")
        .len()
        .group_by("location")
        .agg(pl.col("len").max().alias("longest_dry_spell"))
    )
    return (
        ordered.group_by("location")
        .agg(
            pl.len().alias("days"),
            _wet.sum().alias("wet_days"),
            _wet.mean().alias("wet_share"),
            pl.col("precipitation").sum().alias("rain"),
            (pl.col("precipitation").filter(_wet).sum() / _wet.sum()).alias("rain_per_wet_day"),
            pl.col("precipitation").max().alias("wettest_day"),
        )
        .join(dry, on="location", how="left")
        .with_columns(
            pl.col("longest_dry_spell").fill_null(0).cast(pl.Int64), pl.col("days", "wet_days").cast(pl.Int64)
        )
        .with_columns(pl.col(pl.Float64).round(3))
        .sort("wet_share", "location", descending=[True, False])
    )


def by_month(weather: pl.DataFrame) -> pl.DataFrame:
    """The mean month: wet days and rain of each month of the year, averaged over the years.

    Returns:
        A row a place and month, in that order: location, month (1 to 12), wet_days, rain (mm).
    """
    return (
        weather.group_by("location", pl.col("date").dt.year().alias("year"), pl.col("date").dt.month().alias("month"))
        .agg(_wet.sum().alias("wet_days"), pl.col("precipitation").sum().alias("rain"))
        .group_by("location", "month")
        .agg(pl.col("wet_days").mean(), pl.col("rain").mean())
        .sort("location", "month")
    )


def finding(places: pl.DataFrame) -> str:
    """The answer in a sentence, from `by_place`."""
    first, *others = places.to_dicts()
    if not others:
        return f"{first['location']} had {first['wet_days']:,} wet days of {first['days']:,}; there is no other place."
    second = others[0]
    often = _more(first["wet_share"], second["wet_share"])
    amounts = [place["rain"] / place["days"] for place in (first, second)]
    more_or_less = "more" if amounts[0] >= amounts[1] else "less"
    harder = max(first, second, key=lambda place: place["rain_per_wet_day"])
    return (
        f"It rains on {often} more days in {first['location']} than in {second['location']} "
        f"({first['wet_share']:.0%} of days to {second['wet_share']:.0%}), and {_more(max(amounts), min(amounts))} "
        f"{more_or_less} water falls; a wet day brings more in {harder['location']} "
        f"({first['rain_per_wet_day']:.1f} mm to {second['rain_per_wet_day']:.1f} mm)."
    )


def _more(larger: float, smaller: float) -> str:
    return f"{larger / smaller - 1:.0%}" if smaller else "infinitely"

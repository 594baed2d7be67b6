"""Statistics of rain by place and month, without I/O: where does it rain more, in Seattle or in New York?"""

import polars as pl

WET_DAY_MM = 1.0
"""Precipitation of a wet day: the threshold of the WMO's index of wet days (ETCCDI, R1mm)."""

_wet = pl.col("precipitation") >= WET_DAY_MM


def by_place(weather: pl.DataFrame) -> pl.DataFrame:
    """Rain of each place over all its days, the place with the largest share of wet days first.

    Args:
        weather: the dataset `noaa_daily_weather`, precipitation in mm.

    Returns:
        One row per place: location, days, wet_days, wet_share (of 1), rain (mm), rain_per_wet_day (mm), wettest_day
        (mm), longest_dry_spell (days without a gap). `rain_per_wet_day` is null for a place without wet days.
    """
    ordered = weather.sort("location", "date")
    begins = (_wet != _wet.shift()) | (pl.col("date").diff() > pl.duration(days=1))
    spells = ordered.with_columns(begins.cum_sum().fill_null(0).alias("spell"))
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
            pl.col("precipitation").filter(_wet).mean().alias("rain_per_wet_day"),
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
    """Wet days and rain of each calendar month, averaged over the years.

    Returns:
        One row per place and month, sorted by both: location, month (1 to 12), wet_days, rain (mm).
    """
    return (
        weather.group_by("location", pl.col("date").dt.year().alias("year"), pl.col("date").dt.month().alias("month"))
        .agg(_wet.sum().alias("wet_days"), pl.col("precipitation").sum().alias("rain"))
        .group_by("location", "month")
        .agg(pl.col("wet_days").mean(), pl.col("rain").mean())
        .sort("location", "month")
    )


def finding(places: pl.DataFrame) -> str:
    """The answer in a sentence, from the first two places of `by_place`."""
    first, *others = places.to_dicts()
    here, wet_here = first["location"], f"{first['wet_days']:,} wet days of {first['days']:,}"
    if not others:
        return f"{here} had {wet_here}; there is no other place."
    second = others[0]
    there = second["location"]
    if not second["wet_days"]:
        return (
            f"{here} had {wet_here}, {there} had none." if first["wet_days"] else f"{here} and {there} had no wet day."
        )
    share, other_share = (f"{place['wet_share']:.0%}" for place in (first, second))
    more_days = _change(first["wet_share"], second["wet_share"])
    days = (
        f"{more_days} days in {here} than in {there} ({share} of days to {other_share})"
        if more_days
        else f"as many days in {here} as in {there} ({share} of days)"
    )
    water = _change(*(place["rain"] / place["days"] for place in (first, second))) or "as much"
    harder, softer = sorted((first, second), key=lambda place: place["rain_per_wet_day"], reverse=True)
    amount, other_amount = (f"{place['rain_per_wet_day']:.1f} mm" for place in (harder, softer))
    brings = f"more in {harder['location']} ({amount} to {other_amount})"
    if amount == other_amount:
        brings = f"as much ({amount})"
    return f"It rains on {days}, and {water} water falls; a wet day brings {brings}."


def _change(value: float, other: float) -> str:
    """The difference of two values in percent, with "more" or "less"; `""` if it rounds to 0 %."""
    change = f"{value / other - 1:+.0%}"
    if change in {"+0%", "-0%"}:
        return ""
    return f"{change[1:]} {'more' if change[0] == '+' else 'less'}"

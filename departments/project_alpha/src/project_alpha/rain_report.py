"""The report on rain: a table, a plot and a text, in a folder named by the digest of their data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from airnub_common import digest_of, hex_of
from airnub_core import IngestError, Outcome, Status
from airnub_core.outcome import write_result
from airnub_data import Location, read_dataset
from project_alpha.datasets import WEATHER
from project_alpha.rain import WET_DAY_MM, by_month, by_place, finding

_LINES = ("-", "--", ":")
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")  # of Okabe and Ito, distinguishable with any colour vision
_HEADINGS = (
    "location",
    "days",
    "wet days",
    "share",
    "rain (mm)",
    "per wet day (mm)",
    "wettest (mm)",
    "dry spell (days)",
)
_MONTHS = "JFMAMJJASOND"


@dataclass(frozen=True, slots=True)
class RainReport:
    """Outcomes and content of the report; `plot` is the path of the PNG, `None` if nothing could be written.

    The text has no plot, since Prefect shows it as an artifact of its own.
    """

    outcomes: Sequence[Outcome]
    rows: Sequence[Mapping[str, Any]] = ()
    text: str = ""
    plot: Path | None = None


def write_rain_report(datasets: Location, reports: Path) -> RainReport:
    """Write the report on rain from the dataset `noaa_daily_weather`.

    Args:
        datasets: location of the datasets.
        reports: parent folder of `rain-<digest>/`, with `report.md`, `rain.png` and `rain.csv`.

    Raises:
        StoreError: the folder of the reports cannot be written.
    """
    try:
        weather = read_dataset(datasets, WEATHER)
    except IngestError as error:
        return RainReport([Outcome("rain_report", Status.FAILED, error=error)])
    places = by_place(weather)
    found = finding(places)
    folder = f"rain-{hex_of(digest_of(weather.write_csv().encode()))[:12]}"
    text = _markdown(weather, places, found)
    markdown = f"{text}\n![Mean rain by month at each location](rain.png)\n"
    outcomes = [
        write_result(reports, f"{folder}/rain.csv", places.write_csv().encode(), "rain_table"),
        write_result(reports, f"{folder}/rain.png", plot(by_month(weather)), "rain_plot"),
        write_result(reports, f"{folder}/report.md", markdown.encode(), "rain_report", note=found),
    ]
    return RainReport(outcomes, places.to_dicts(), text, reports / folder / "rain.png")


def plot(months: pl.DataFrame) -> bytes:
    """Plot each location's mean of all years by month as a PNG: wet days on the left, rain on the right."""
    figure = Figure(figsize=(10, 4.2), dpi=120, layout="constrained")
    panels = {"wet_days": f"Wet days a month (at least {WET_DAY_MM:g} mm)", "rain": "Rain a month (mm)"}
    for axes, (column, title) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        for number, of_place in enumerate(months.partition_by("location")):
            colour, line = _COLOURS[number % len(_COLOURS)], _LINES[number // len(_COLOURS) % len(_LINES)]
            axes.plot(
                of_place["month"], of_place[column], line, color=colour, marker="o", ms=5, label=of_place["location"][0]
            )
        axes.set_title(title, loc="left", fontsize=11)
        axes.set(xlim=(0.7, 12.3), ylim=(0, None), axisbelow=True)
        axes.set_xticks(range(1, 13), _MONTHS)
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        axes.grid(axis="y", alpha=0.3)
        axes.tick_params(length=0)
        axes.spines[["top", "right", "left"]].set_visible(False)
    figure.suptitle("Mean rain by month at each location", x=0.012, ha="left", fontweight="bold")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 6), frameon=False)
    buffer = BytesIO()
    # Without the version of the library, equal data give equal bytes after an upgrade.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _markdown(weather: pl.DataFrame, places: pl.DataFrame, found: str) -> str:
    days = weather.select(pl.col("date").min().alias("first"), pl.col("date").max().alias("last")).row(0)
    lines = [
        "# Where does it rain more?",
        "",
        f"**{found}**",
        "",
        f"Daily observations of NOAA, {days[0]} to {days[1]}. A wet day has at least {WET_DAY_MM:g} mm.",
        "",
        f"| {' | '.join(_HEADINGS)} |",
        f"|---|{'---:|' * (len(_HEADINGS) - 1)}",
    ]
    lines += [f"| {' | '.join(_cells(row))} |" for row in places.iter_rows(named=True)]
    return "\n".join([*lines, ""])


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [
        row["location"],
        f"{row['days']:,}",
        f"{row['wet_days']:,}",
        f"{row['wet_share']:.1%}",
        f"{row['rain']:,.0f}",
        "-" if row["rain_per_wet_day"] is None else f"{row['rain_per_wet_day']:.1f}",
        f"{row['wettest_day']:.1f}",
        f"{row['longest_dry_spell']:,}",
    ]

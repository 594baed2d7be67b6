"""The report of the analysis: the warmest day of each place."""

from pathlib import Path

import polars as pl

from airnub_core import IngestError, Outcome, Status
from airnub_core.outcome import write_result
from airnub_data import Location, read_dataset
from department_template.datasets import MEASUREMENTS


def write_report(datasets: Location, reports: Path) -> Outcome:
    """Write the answer of this department's question to `report.md`.

    Raises:
        StoreError: the folder of the reports cannot be written.
    """
    try:
        found = warmest_days(read_dataset(datasets, MEASUREMENTS))
    except IngestError as error:
        return Outcome("report", Status.FAILED, error=error)
    markdown = "\n".join(["# The warmest day of each place", "", *(f"- {line}" for line in found), ""])
    return write_result(reports, "report.md", markdown.encode(), "report", note="; ".join(found))


def warmest_days(measurements: pl.DataFrame) -> list[str]:
    """A sentence for each place, from rows with location, date and temp_max (°C), in the order of the places."""
    warmest = (
        measurements.sort("temp_max", "date", descending=[True, False]).group_by("location").first().sort("location")
    )
    return [
        f"{row['location']} was warmest on {row['date']}, with {row['temp_max']:.1f} °C"
        for row in warmest.iter_rows(named=True)
    ]

"""The report on rain."""

import struct
from datetime import date

import polars as pl
import pytest

from airnub_core import Status
from airnub_core.errors import DatasetError, StoreError
from airnub_data import Location
from airnub_data.testing import write_rows
from project_alpha.datasets import WEATHER
from project_alpha.rain import by_month
from project_alpha.rain_report import plot, write_rain_report


def some(**rain):
    """Weather of one day for each place."""
    return pl.DataFrame(
        {"location": list(rain), "date": [date(2018, 2, 7)] * len(rain), "precipitation": list(rain.values())},
        schema={"location": pl.String, "date": pl.Date, "precipitation": pl.Float64},
    )


def size_of(png):
    """Width and height that a PNG says it has."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xaeB`\x82")
    return struct.unpack(">II", png[16:24])


def test_a_table_a_plot_and_a_text_are_written(datasets, tmp_path):
    """In a folder that is named after the data; the text's outcome carries the finding."""
    report = write_rain_report(datasets, tmp_path / "reports")
    table, png, text = report.outcomes
    assert [(outcome.source, outcome.kind) for outcome in report.outcomes] == [
        ("rain_table", Status.STORED),
        ("rain_plot", Status.STORED),
        ("rain_report", Status.STORED),
    ]
    [folder] = (tmp_path / "reports").iterdir()
    assert {path.name for path in folder.iterdir()} == {"rain.csv", "rain.png", "report.md"}
    assert [outcome.path for outcome in (table, png, text)] == [
        f"{folder.name}/{name}" for name in ("rain.csv", "rain.png", "report.md")
    ]
    assert report.plot == folder / "rain.png"
    assert text.note.startswith("It rains on 40% more days in Seattle")
    assert (folder / "report.md").read_text() == f"{report.text}\n![Mean rain by month at each location](rain.png)\n"
    assert pl.read_csv(folder / "rain.csv").to_dicts() == list(report.rows)


def test_the_second_time_nothing_is_written(datasets, tmp_path):
    """Equal data give equal bytes, the plot's too."""
    write_rain_report(datasets, tmp_path)
    again = write_rain_report(datasets, tmp_path)
    assert {outcome.kind for outcome in again.outcomes} == {Status.UNCHANGED}


def test_other_data_make_another_report(datasets, tmp_path, weather):
    """The earlier one is kept beside it."""
    write_rain_report(datasets, tmp_path / "reports")
    fewer = Location(tmp_path / "datasets")
    write_rows(fewer, WEATHER, weather.head(1000))
    write_rain_report(fewer, tmp_path / "reports")
    assert len(list((tmp_path / "reports").iterdir())) == 2


def test_the_text_is_markdown_with_a_table(datasets, tmp_path):
    """A row a place, as many cells as headings."""
    lines = write_rain_report(datasets, tmp_path).text.splitlines()
    assert lines[0] == "# Where does it rain more?"
    assert lines[4] == "Daily observations of NOAA, 2012-01-01 to 2015-12-31. A wet day has at least 1 mm."
    assert lines[8:10] == [
        "| Seattle | 1,461 | 506 | 34.6% | 4,426 | 8.6 | 55.9 | 81 |",
        "| New York | 1,461 | 362 | 24.8% | 4,179 | 11.4 | 118.9 | 23 |",
    ]
    assert {line.count("|") for line in lines[6:10]} == {9}
    assert len(lines) == 10


def test_the_plot_is_a_png(weather):
    """1,200 to 504 pixels, always the same bytes; the library's version, which would change them, is not in it."""
    months = by_month(weather)
    assert size_of(plot(months)) == (1200, 504)
    assert plot(months) == plot(months)
    assert b"matplotlib" not in plot(months).lower()


@pytest.mark.parametrize(
    "weather", [some(Ulm=2.0), some(Atacama=0.0, Sahara=0.5), some(**{f"place {number}": 1.0 for number in range(13)})]
)
def test_odd_data_are_reported_too(weather, tmp_path):
    """One place, no rain at all, more places than colours: a text and a plot without a warning."""
    write_rows(Location(tmp_path / "datasets"), WEATHER, weather)
    report = write_rain_report(Location(tmp_path / "datasets"), tmp_path / "reports")
    assert size_of(report.plot.read_bytes()) >= (1200, 504)
    assert "nan" not in report.text.lower()
    assert len(report.rows) == weather.height


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (False, r"expected a dataset in .*/noaa_daily_weather, found none; run the processing first$"),
        (True, r"expected rows in .*/noaa_daily_weather, found none; see `dataset quarantine noaa_daily_weather`$"),
    ],
    ids=["missing", "empty"],
)
def test_a_dataset_that_cannot_be_used_is_a_failed_outcome(made, reason, tmp_path):
    """It says what to do next; nothing is written, and there is no plot to publish."""
    location = Location(tmp_path / "datasets")
    if made:
        write_rows(location, WEATHER, some())
    report = write_rain_report(location, tmp_path / "reports")
    [outcome] = report.outcomes
    assert (outcome.source, outcome.kind, report.plot) == ("rain_report", Status.FAILED, None)
    with pytest.raises(DatasetError, match=reason):
        raise outcome.error
    assert not (tmp_path / "reports").exists()


def test_a_folder_that_cannot_be_written_fails_the_run(datasets, tmp_path):
    """It is no fault of the data: the error of the system goes up."""
    (tmp_path / "reports").touch()
    with pytest.raises(StoreError, match="reports"):
        write_rain_report(datasets, tmp_path / "reports")

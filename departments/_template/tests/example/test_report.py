"""The report of the analysis."""

from datetime import date

import polars as pl
import pytest

from airnub_core import Status
from airnub_data import Location
from airnub_data.testing import write_rows
from department_template.datasets import MEASUREMENTS
from department_template.example.report import warmest_days, write_report

SCHEMA = {"location": pl.String, "date": pl.Date, "temp_max": pl.Float64}


def measurements(*rows):
    return pl.DataFrame(rows, SCHEMA, orient="row")


def test_the_warmest_day_of_each_place():
    """Of equally warm days the first one; places are sorted by name."""
    rows = measurements(
        ("Ulm", date(2018, 7, 2), 31.0),
        ("Ulm", date(2018, 7, 1), 31.0),
        ("Bonn", date(2018, 1, 1), -2.5),
        ("Ulm", date(2018, 7, 3), 30.0),
    )
    assert warmest_days(rows) == [
        "Bonn was warmest on 2018-01-01, with -2.5 °C",
        "Ulm was warmest on 2018-07-01, with 31.0 °C",
    ]


def test_the_report_is_stored_then_unchanged(tmp_path):
    """The outcome has the finding as its note."""
    datasets = Location(tmp_path / "datasets")
    write_rows(datasets, MEASUREMENTS, measurements(("Ulm", date(2018, 7, 1), 31.0)))
    first, second = (write_report(datasets, tmp_path / "reports") for _ in range(2))
    assert [first.kind, second.kind] == [Status.STORED, Status.UNCHANGED]
    assert first.note == "Ulm was warmest on 2018-07-01, with 31.0 °C"
    text = (tmp_path / "reports" / first.path).read_text(encoding="utf-8")
    assert text == f"# The warmest day of each place\n\n- {first.note}\n"


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (False, "measurements, found none; run the processing first"),
        (True, "measurements, found none; see `dataset quarantine measurements`"),
    ],
    ids=["missing", "empty"],
)
def test_a_dataset_that_cannot_be_used_is_a_failed_outcome(made, reason, tmp_path):
    """The error says what to do next, and no report is written."""
    datasets = Location(tmp_path / "datasets")
    if made:
        write_rows(datasets, MEASUREMENTS, measurements())
    outcome = write_report(datasets, tmp_path / "reports")
    assert outcome.kind is Status.FAILED
    assert str(outcome.error).endswith(reason)
    assert not (tmp_path / "reports").exists()

"""The rows of the example, in the dataset that the processing makes."""

from datetime import date

from airnub_data.columns import RECORD
from airnub_data.conform import REASON
from airnub_data.testing import conformed
from department_template.datasets import MEASUREMENTS
from department_template.example.demo import FILE


def test_one_row_of_the_sample_breaks_a_rule():
    """It is the last one, as SOURCES.md says."""
    found = conformed(MEASUREMENTS, FILE.read_bytes())
    assert found.rows.height == 31
    assert found.quarantine.to_dicts() == [{RECORD: 33, REASON: "precipitation: expected at least 0, found -9.9"}]


def test_the_sample_has_a_corrected_row():
    """Of rows with the same key, the later one is kept."""
    day = conformed(MEASUREMENTS, FILE.read_bytes()).rows.filter(date=date(2012, 1, 2))
    assert day["precipitation"].to_list() == [109, 10.9]

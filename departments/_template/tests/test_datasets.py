"""The dataset that the processing makes."""

from datetime import date

import pytest

from airnub_data.columns import RECORD
from airnub_data.conform import REASON
from airnub_data.testing import conformed
from department_template.datasets import MEASUREMENTS
from department_template.demo import FILE


def test_every_row_of_the_sample_fits_but_one():
    """The last breaks a rule, as SOURCES.md says."""
    found = conformed(MEASUREMENTS, FILE.read_bytes())
    assert found.rows.height == 31
    assert found.quarantine.to_dicts() == [{RECORD: 33, REASON: "precipitation: expected at least 0, found -9.9"}]


def test_the_sample_has_a_day_with_a_typo_and_corrected():
    """In this order: of rows with the same key the later one is kept."""
    day = conformed(MEASUREMENTS, FILE.read_bytes()).rows.filter(date=date(2012, 1, 2))
    assert day["precipitation"].to_list() == [109, 10.9]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Seattle,2012-02-30,0.0,12.8,5.0", "date: expected a date such as 2018-02-07, found 2012-02-30"),
        ("Seattle,2012-02-01,-1,12.8,5.0", "precipitation: expected at least 0, found -1"),
        ("Seattle,2012-02-01,0.0,,5.0", "temp_max: expected a value, found nothing"),
    ],
)
def test_a_row_that_breaks_a_rule_is_quarantined(line, reason):
    """With the reason; the others are kept."""
    header, good, *_ = FILE.read_bytes().splitlines()
    found = conformed(MEASUREMENTS, b"\n".join([header, good, line.encode()]))
    assert found.rows.height == 1
    assert found.quarantine[REASON].to_list() == [reason]

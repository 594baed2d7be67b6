"""The dataset that the processing makes."""

import pytest

from airnub_core.tables import REASON, conform
from department_template.datasets import MEASUREMENTS
from department_template.demo import FILE


def conformed(content):
    rows = MEASUREMENTS.read(MEASUREMENTS.name, [content])
    return conform(MEASUREMENTS.name, rows, MEASUREMENTS.schema, MEASUREMENTS.unique)


def test_every_row_of_the_sample_fits():
    """None is set aside."""
    result = conformed(FILE.read_bytes())
    assert (result.rows.height, result.quarantine.height) == (30, 0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Seattle,2012-02-30,0.0,12.8,5.0", "date: expected a date such as 2018-02-07, found 2012-02-30"),
        ("Seattle,2012-02-01,-1,12.8,5.0", "precipitation: expected at least 0, found -1"),
        ("Seattle,2012-02-01,0.0,,5.0", "temp_max: expected a value, found nothing"),
    ],
)
def test_a_row_that_does_not_fit_is_set_aside(line, reason):
    """With the reason; the others are kept."""
    result = conformed(FILE.read_bytes() + line.encode())
    assert result.rows.height == 30
    assert result.quarantine[REASON].to_list() == [reason]


def test_a_corrected_day_replaces_the_earlier_one():
    """The later row of a place and day counts, and none is set aside."""
    result = conformed(FILE.read_bytes() + b"Seattle,2012-01-01,9,9,9")
    assert (result.rows.height, result.quarantine.height, result.superseded) == (30, 0, 1)

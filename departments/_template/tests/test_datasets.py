"""The dataset of the processing, with the test's own rows."""

import pytest

from airnub_data.conform import REASON
from airnub_data.testing import conformed
from department_template.datasets import MEASUREMENTS

ROWS = b"location,date,precipitation,temp_max,temp_min\nSeattle,2012-02-01,0.0,12.8,5.0\n"


def test_a_valid_row_is_kept():
    """Its values have the declared types."""
    found = conformed(MEASUREMENTS, ROWS)
    assert found.rows.height == 1
    assert found.quarantine.height == 0


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Seattle,2012-02-30,0.0,12.8,5.0", "date: expected a date such as 2018-02-07, found 2012-02-30"),
        ("Seattle,2012-02-01,-1,12.8,5.0", "precipitation: expected at least 0, found -1"),
        ("Seattle,2012-02-01,0.0,,5.0", "temp_max: expected a value, found nothing"),
    ],
)
def test_a_row_that_breaks_a_rule_is_quarantined(line, reason):
    """It has a reason; the other rows are kept."""
    found = conformed(MEASUREMENTS, ROWS + line.encode())
    assert found.rows.height == 1
    assert found.quarantine[REASON].to_list() == [reason]

"""Row counts, also compared with previous versions."""

import sys
from pathlib import Path

import pytest

from airnub_data.checks import row_count, row_count_change

sys.path.insert(0, str(Path(__file__).parents[1] / "importable"))
from judging import judged


@pytest.mark.parametrize(
    ("bounds", "total", "passed"),
    [
        ({"minimum": 5}, 5, True),
        ({"minimum": 5}, 4, False),
        ({"maximum": 5}, 5, True),
        ({"maximum": 5}, 6, False),
        ({"minimum": 0, "maximum": 5}, 3, True),
    ],
)
def test_row_count(bounds, total, passed):
    """Both bounds are inclusive."""
    assert judged(row_count(**bounds), total=total) == (passed, f"{total} rows")


@pytest.mark.parametrize(
    ("bounds", "total", "passed"),
    [
        ({"max_shrink": "20%"}, 80, True),
        ({"max_shrink": "20%"}, 79, False),
        ({"max_shrink": 5}, 1000, True),
        ({"max_growth": "150%"}, 250, True),
        ({"max_growth": "150%"}, 251, False),
        ({"max_growth": 10}, 10, True),
    ],
)
def test_row_count_against_the_last_versions(bounds, total, passed):
    """The row count is compared with the median of the previous versions, so that one outlier has little effect."""
    assert judged(row_count_change(**bounds, versions=3), total=total, earlier=[100, 1, 100, 7000])[0] is passed


@pytest.mark.parametrize("earlier", [[], [0, 0]])
def test_a_first_version_has_nothing_to_be_compared_with(earlier):
    """The first version passes, and so does one after versions without rows."""
    assert judged(row_count_change(max_growth="1%"), total=50, earlier=earlier)[0]

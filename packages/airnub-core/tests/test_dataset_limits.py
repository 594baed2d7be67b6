"""Dataset limits."""

import pytest
from pydantic import ValidationError

from airnub_core.dataset_limits import DEFAULT_LIMITS, DatasetLimits


@pytest.mark.parametrize("limit", [0, 3, "5%", "100%"])
def test_a_limit_is_a_number_or_a_share(limit):
    """As `tolerated_failures` is."""
    assert DatasetLimits(max_quarantined=limit).max_quarantined == limit


def test_one_row_in_ten_by_default():
    """Where the settings do not say otherwise."""
    assert DEFAULT_LIMITS.max_quarantined == "10%"


@pytest.mark.parametrize("wrong", [{"max_quarantined": "5%%"}, {"max_quarantined": -1}, {"max_quarantine": 1}])
def test_other_limits_are_refused(wrong):
    """A misspelt key is a mistake, not a default."""
    with pytest.raises(ValidationError):
        DatasetLimits(**wrong)

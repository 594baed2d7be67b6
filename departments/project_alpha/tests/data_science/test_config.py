"""Configuration."""

from dataclasses import FrozenInstanceError
from datetime import date
from pathlib import Path

import pytest

from project_alpha.data_science.config import ResearchConfig


def test_defaults_are_the_departments_folders():
    """Without options the research reads what the processing publishes and writes below reports."""
    config = ResearchConfig()
    assert config.datasets == Path("datasets/project_alpha")
    assert {path.parent for path in (config.scores, config.report, config.reliability_plot, config.brier_plot)} == {
        Path("reports/project_alpha/data_science")
    }
    assert (config.wet_day_mm, config.test_from) == (1.0, date(2015, 1, 1))


def test_configuration_is_frozen():
    """A run cannot change what it was asked."""
    with pytest.raises(FrozenInstanceError):
        ResearchConfig().wet_day_mm = 0.1

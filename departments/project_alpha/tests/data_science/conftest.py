"""What the tests share: four years of real weather, as the processing publishes it."""

import pytest

from project_alpha.data_science.config import ResearchConfig
from project_alpha.data_science.features import examples
from project_alpha.data_science.modeling import forecasts, split


@pytest.fixture(scope="session")
def forecast_rows(weather):
    """The probabilities of the whole study."""
    config = ResearchConfig()
    return forecasts(*split(examples(weather, config.wet_day_mm), config.test_from))

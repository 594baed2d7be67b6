"""What the tests share: four years of real weather, as the flows publish it."""

from importlib.resources import files

import polars as pl
import pytest

from project_alpha.data_science.config import ResearchConfig
from project_alpha.data_science.features import examples
from project_alpha.data_science.modeling import forecasts, split


@pytest.fixture(scope="session")
def days():
    """Every row of the sample site, both places."""
    folder = files("project_alpha") / "sample_site" / "weather"
    return pl.concat(
        pl.read_csv((folder / name).read_bytes(), try_parse_dates=True) for name in ("new_york.csv", "seattle.csv")
    )


@pytest.fixture(scope="session")
def forecast_rows(days):
    """The probabilities of the whole study."""
    config = ResearchConfig()
    return forecasts(*split(examples(days, config.wet_day_mm), config.test_from))


@pytest.fixture(scope="session")
def datasets(tmp_path_factory, days):
    """A datasets folder, as the flows leave it."""
    folder = tmp_path_factory.mktemp("datasets")
    days.write_parquet(folder / "noaa_daily_weather.parquet")
    return folder

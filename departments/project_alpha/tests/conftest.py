"""What the tests of project_alpha share: its sample site, and its weather as the flows publish it."""

import polars as pl
import pytest

from airnub_core.sample_site import SampleSite
from project_alpha.datasets import DATASETS
from project_alpha.demo import DEMO, FOLDER


@pytest.fixture(autouse=True)
def apart(writes_apart):
    """No test writes into the checkout."""


@pytest.fixture
def site():
    """The sample site, with the link that leads nowhere."""
    with SampleSite(DEMO.routes(with_failure=True)) as running:
        yield running


@pytest.fixture
def sound_site():
    """The sample site without a broken link."""
    with SampleSite(DEMO.routes(with_failure=False)) as running:
        yield running


@pytest.fixture(scope="session")
def weather():
    """Every row of the sample's weather, both places."""
    files = sorted((FOLDER / "weather").glob("*.csv"))
    return pl.concat(
        pl.read_csv(path, schema={name: column.dtype for name, column in DATASETS["noaa_daily_weather"].schema.items()})
        for path in files
    )


@pytest.fixture
def datasets(tmp_path, weather):
    """A datasets folder with the weather."""
    folder = tmp_path / "datasets"
    folder.mkdir()
    weather.write_parquet(folder / "noaa_daily_weather.parquet")
    return folder

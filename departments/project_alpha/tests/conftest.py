"""Shared fixtures of the tests of project_alpha: its sample site and its weather dataset."""

import pytest

from airnub_core.sample_site import SampleSite
from airnub_data import Location
from airnub_data.columns import RECORD
from airnub_data.testing import conformed, write_rows
from project_alpha.datasets import WEATHER
from project_alpha.demo import DEMO, FOLDER


@pytest.fixture(autouse=True)
def apart(writes_apart):
    """No test writes into the checkout."""


@pytest.fixture
def site():
    """The sample site with a broken link."""
    with SampleSite(DEMO.routes(with_failure=True)) as running:
        yield running


@pytest.fixture
def sound_site():
    """The sample site without a broken link."""
    with SampleSite(DEMO.routes(with_failure=False)) as running:
        yield running


@pytest.fixture(scope="session")
def weather():
    """The sample's weather: of each place and day the last row, without the row that breaks a rule."""
    rows = conformed(WEATHER, *(path.read_bytes() for path in sorted((FOLDER / "weather").glob("*.csv")))).rows
    return rows.unique(WEATHER.key, keep="last").sort(WEATHER.key).drop(RECORD)


@pytest.fixture(scope="session")
def datasets(tmp_path_factory, weather):
    """The folder of the datasets, with the weather; tests only read it."""
    location = Location(tmp_path_factory.mktemp("datasets"))
    write_rows(location, WEATHER, weather)
    return location

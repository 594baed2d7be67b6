"""The dataset."""

import pytest
from polars.testing import assert_frame_equal

from airnub_core.errors import DatasetError
from airnub_data import Location
from airnub_data.testing import write_rows
from project_alpha.data_science.dataset import load_days
from project_alpha.datasets import WEATHER


def test_days_are_loaded_sorted(weather, tmp_path):
    """Whatever the order of the rows in the table, days come by place and date, with the declared columns alone."""
    write_rows(Location(tmp_path), WEATHER, weather.reverse())
    assert_frame_equal(load_days(tmp_path), weather)
    assert load_days(tmp_path).columns == list(WEATHER.schema)


def test_absent_dataset_says_where_it_was_expected(tmp_path):
    """The message names the folder and the stage that makes the dataset, and no folder is made."""
    with pytest.raises(DatasetError, match=rf"{tmp_path}/noaa_daily_weather, found none; run the processing first"):
        load_days(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_dataset_without_rows_is_an_error(weather, tmp_path):
    """No days are no dataset; the message names the command that shows what became of them."""
    write_rows(Location(tmp_path), WEATHER, weather.clear())
    with pytest.raises(DatasetError, match=rf"rows in {tmp_path}/noaa_daily_weather, found none; see `dataset quarant"):
        load_days(tmp_path)

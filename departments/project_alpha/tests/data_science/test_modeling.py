"""Split, baselines and model."""

from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from airnub_core.errors import DatasetError
from project_alpha.data_science.features import examples
from project_alpha.data_science.modeling import FORECASTS, forecasts, split

TEST_FROM = date(2015, 1, 1)


@pytest.fixture(scope="module")
def rows(weather):
    return examples(weather, wet_day_mm=1.0)


def test_split_is_by_the_predicted_day(rows):
    """No predicted day trains and tests; the last of 2014 trains, the first of 2015 tests."""
    train, test = split(rows, TEST_FROM)
    assert train["target_date"].max() == date(2014, 12, 31)
    assert (test["target_date"].min(), test["target_date"].max()) == (TEST_FROM, date(2015, 12, 31))
    assert train.height + test.height == rows.height
    assert test["location"].value_counts().sort("location").rows() == [("New York", 365), ("Seattle", 365)]


def test_climatology_is_the_wet_share_of_month_and_place(rows, forecast_rows):
    """Every July day in Seattle has the wet share of the Julys that trained."""
    julys = rows.filter(
        pl.col("target_date").dt.month() == 7, pl.col("target_date") < TEST_FROM, pl.col("location") == "Seattle"
    )
    found = forecast_rows.filter(pl.col("target_date").dt.month() == 7, pl.col("location") == "Seattle")["climatology"]
    assert julys.height == 3 * 31
    assert found.to_list() == pytest.approx([julys["wet_tomorrow"].mean()] * 31)


def test_persistence_says_tomorrow_is_as_today(forecast_rows):
    """The forecast for a day is what was observed the day before."""
    seattle = forecast_rows.filter(location="Seattle")
    assert seattle["persistence"][1:].to_list() == seattle["wet"][:-1].to_list()


def test_forecasts_are_probabilities_in_the_order_of_time(forecast_rows):
    """Every forecast is from 0 to 1; places and days are in order."""
    for name in FORECASTS:
        assert forecast_rows[name].is_between(0, 1).all()
    assert_frame_equal(forecast_rows, forecast_rows.sort("location", "target_date"))


def test_forecasts_never_see_what_they_predict(rows, forecast_rows):
    """With the outcome of every tested day turned around, the forecasts stay the same, to the bit."""
    train, test = split(rows, TEST_FROM)
    turned = forecasts(train, test.with_columns(wet_tomorrow=1 - pl.col("wet_tomorrow")))
    assert_frame_equal(forecast_rows.drop("wet"), turned.drop("wet"), check_exact=True)
    assert (turned["wet"] == 1 - forecast_rows["wet"]).all()


def test_forecast_of_a_day_ignores_other_tested_days(rows, forecast_rows):
    """A tenth of the test gets the forecasts it gets as part of the whole: nothing is scaled on the test."""
    train, test = split(rows, TEST_FROM)
    few = test.gather_every(10)
    whole = forecast_rows.join(few, on=["location", "target_date"], how="semi", maintain_order="left")
    assert_frame_equal(whole, forecasts(train, few), rel_tol=1e-12)


@pytest.mark.parametrize(
    ("test_from", "found"), [(date(2012, 1, 1), "0 wet and 0 dry"), (date(2016, 1, 1), "0 to test")]
)
def test_split_without_training_or_test_names_the_places(rows, test_from, found):
    """A split outside of the data counts the days of each place."""
    with pytest.raises(DatasetError, match=rf"New York: .*{found}.*Seattle: .*the dataset has to span {test_from}"):
        split(rows, test_from)


def test_place_that_never_saw_rain_is_named(rows):
    """A model cannot learn from dry days alone."""
    with pytest.raises(DatasetError, match="Seattle: 0 wet and 1089 dry days to train, 365 to test;"):
        split(
            rows.with_columns(wet_tomorrow=pl.when(location="Seattle").then(0.0).otherwise("wet_tomorrow")), TEST_FROM
        )


def test_no_examples_are_an_error(rows):
    """A dataset of gaps says that it has no whole week."""
    with pytest.raises(DatasetError, match="found no week without missing values"):
        split(rows.clear(), TEST_FROM)


def test_month_that_never_trained_is_named(rows):
    """Climatology is not guessed from other months."""
    train, test = split(rows, TEST_FROM)
    with pytest.raises(DatasetError, match="none for New York month 2, Seattle month 2;"):
        forecasts(train.filter(pl.col("target_date").dt.month() != 2), test)

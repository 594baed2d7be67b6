"""Features and target."""

import math
from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from project_alpha.data_science.features import FEATURES, examples, with_features

WET_DAY_MM = 1.0


def _week(place="Here", rain=(0.0, 1.0, 0.9, 4.0, 0.0, 0.0, 10.0, 2.0)):
    first = date(2014, 3, 1)
    return pl.DataFrame(
        {
            "location": [place] * len(rain),
            "date": [first + timedelta(days=number) for number in range(len(rain))],
            "precipitation": list(rain),
            "temp_max": [10.0 + number**2 for number in range(len(rain))],
            "temp_min": [1.0] * len(rain),
            "wind": [3.0] * len(rain),
            "weather": ["rain"] * len(rain),
        }
    )


def _on(table, day):
    return table.row(by_predicate=pl.col("date") == day, named=True)


def test_features_are_what_their_names_say():
    """Lags, sums over three and seven days, and changes, worked out by hand for one day."""
    features = _on(with_features(_week(), WET_DAY_MM), date(2014, 3, 7))
    assert features["wet_today"] == 1
    assert features["rain_today"] == pytest.approx(math.log1p(10))
    assert features["rain_yesterday"] == 0
    assert features["rain_3_days"] == pytest.approx(math.log1p(10))
    assert features["rain_7_days"] == pytest.approx(math.log1p(15.9))
    assert features["temp_max_change"] == 36 - 25
    assert (features["temp_max"], features["temp_min"], features["wind"]) == (46, 1, 3)
    assert features["year_sine"] ** 2 + features["year_cosine"] ** 2 == pytest.approx(1)


def test_wet_day_begins_at_the_threshold():
    """Exactly 1 mm is wet, 0.9 mm is not."""
    assert with_features(_week(), WET_DAY_MM)["wet_today"].to_list() == [0, 1, 0, 1, 0, 0, 1, 1]


@pytest.mark.parametrize("cut", [date(2012, 1, 10), date(2012, 2, 29), date(2013, 12, 31), date(2015, 12, 30)])
def test_features_never_depend_on_later_days(weather, cut):
    """Features up to a day are the same, to the bit, when later days are gone or are entirely different."""
    is_later = pl.col("date") > cut
    known = with_features(weather, WET_DAY_MM).filter(~is_later)
    assert known.height > 0
    without = weather.filter(~is_later)
    assert_frame_equal(known, with_features(without, WET_DAY_MM), check_exact=True)
    different = weather.with_columns(pl.when(is_later).then(pl.col(pl.Float64) * -7 + 99).otherwise(pl.col(pl.Float64)))
    assert_frame_equal(known, with_features(different, WET_DAY_MM).filter(~is_later), check_exact=True)


def test_features_never_depend_on_another_place(weather):
    """A place has the same rows, to the bit, alone and in company."""
    together = examples(weather, WET_DAY_MM)
    for place in ("New York", "Seattle"):
        alone = examples(weather.filter(location=place), WET_DAY_MM)
        assert_frame_equal(together.filter(location=place), alone, check_exact=True)


def test_target_is_the_next_day(weather):
    """`wet_tomorrow` of a day is what the table says of the day after, in the same place."""
    truth = weather.select("location", target_date="date", wet=pl.col("precipitation") >= WET_DAY_MM)
    rows = examples(weather, WET_DAY_MM).join(truth, on=["location", "target_date"])
    assert rows.height == 2 * (1461 - 7)  # six days without a week behind them, one without a tomorrow
    assert (rows["wet_tomorrow"] == rows["wet"].cast(pl.Float64)).all()
    assert (rows["target_date"] - rows["date"] == timedelta(days=1)).all()


def test_missing_day_stays_missing(weather):
    """Rows around a gap have no features that need it, rather than those of the wrong day."""
    gap = date(2013, 5, 10)
    found = examples(weather.filter(pl.col("date") != gap), WET_DAY_MM).filter(location="Seattle")["date"]
    absent = {gap + timedelta(days=number) for number in range(-1, 7)}  # no tomorrow, itself, no week behind
    expected = examples(weather, WET_DAY_MM).filter(
        location="Seattle",
    )["date"]
    assert set(expected) - set(found) == absent


def test_order_of_rows_does_not_matter(weather):
    """Shuffled days give the same examples."""
    shuffled = weather.sample(fraction=1, shuffle=True, seed=1)
    assert_frame_equal(examples(weather, WET_DAY_MM), examples(shuffled, WET_DAY_MM), check_exact=True)


def test_examples_are_complete(weather):
    """No example has a null, and all features are numbers."""
    rows = examples(weather, WET_DAY_MM)
    assert sum(rows.null_count().row(0)) == 0
    assert {rows.schema[name] for name in FEATURES} == {pl.Float64()}

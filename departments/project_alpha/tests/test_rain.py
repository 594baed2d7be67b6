"""Statistics of rain, on tables small enough to count by hand."""

from datetime import date, timedelta

import polars as pl
import pytest

from project_alpha.rain import by_month, by_place, finding


def days(place, *rain, start=date(2018, 1, 30)):
    """Rain of consecutive days from 30 January 2018."""
    return pl.DataFrame(
        {
            "location": [place] * len(rain),
            "date": [start + timedelta(days=number) for number in range(len(rain))],
            "precipitation": [float(amount) for amount in rain],
        }
    )


def test_a_place_counted_by_hand():
    """A wet day has at least 1 mm; rain on other days counts in the sum."""
    [row] = by_place(days("Ulm", 0, 0.9, 1, 0, 0, 0, 5, 0)).to_dicts()
    assert row == {
        "location": "Ulm",
        "days": 8,
        "wet_days": 2,
        "wet_share": 0.25,
        "rain": 6.9,
        "rain_per_wet_day": 3.0,
        "wettest_day": 5.0,
        "longest_dry_spell": 3,
    }


def test_places_are_ordered_by_their_share_of_wet_days():
    """Not by the number of wet days, since observation periods differ; then by name."""
    weather = pl.concat([days("Bonn", 2, 0), days("Aachen", 2, 0), days("Ulm", 2, 2, 2, 0, 0, 0, 0, 0)])
    assert by_place(weather)["location"].to_list() == ["Aachen", "Bonn", "Ulm"]


def test_the_order_of_rows_does_not_matter():
    """The order of files is not defined."""
    weather = pl.concat([days("Ulm", 0, 0, 3, 0), days("Bonn", 1, 0, 0, 0)])
    assert by_place(weather.reverse()).equals(by_place(weather))
    assert by_month(weather.reverse()).equals(by_month(weather))


@pytest.mark.parametrize(
    ("rain", "spell"), [((1, 1), 0), ((0, 0), 2), ((0, 1, 0, 0), 2), ((0, 0, 0, 1, 0), 3), ((0,), 1)]
)
def test_dry_spells(rain, spell):
    """The longest dry spell counts, also at either end; a place that is always wet has none."""
    assert by_place(days("Ulm", *rain))["longest_dry_spell"].item() == spell


def test_a_dry_spell_ends_at_a_gap():
    """Days without observations are not dry days."""
    weather = pl.concat([days("Ulm", 0, 0), days("Ulm", 0, 0, 0, start=date(2018, 6, 1))])
    assert by_place(weather)["longest_dry_spell"].item() == 3


def test_a_dry_spell_is_of_one_place():
    """Dry days of two places are not added up."""
    assert by_place(pl.concat([days("Bonn", 1, 0), days("Ulm", 0, 1)]))["longest_dry_spell"].to_list() == [1, 1]


def test_a_place_without_rain():
    """Rain per wet day is undefined there."""
    [row] = by_place(days("Atacama", 0, 0.5)).to_dicts()
    assert (row["wet_days"], row["wet_share"], row["rain"], row["rain_per_wet_day"]) == (0, 0, 0.5, None)


def test_months_are_averaged_over_the_years():
    """Only over years in which the month was observed."""
    weather = pl.concat([days("Ulm", 2, 2, 5), days("Ulm", 0, 4, start=date(2019, 1, 1)), days("Bonn", 0)])
    assert by_month(weather).rows() == [("Bonn", 1, 0.0, 0.0), ("Ulm", 1, 1.5, 4.0), ("Ulm", 2, 1.0, 5.0)]


# --- the sentence ----------------------------------------------------------------------------------------------------


def found(**rain):
    """The sentence about places."""
    return finding(by_place(pl.concat(days(place, *amounts) for place, amounts in rain.items())))


def test_the_finding_of_the_sample(weather):
    """Verified with other tools: 506 and 362 wet days of 1,461."""
    places = by_place(weather)
    assert places.select("location", "days", "wet_days").rows() == [("Seattle", 1461, 506), ("New York", 1461, 362)]
    assert finding(places) == (
        "It rains on 40% more days in Seattle than in New York (35% of days to 25%), and 6% more water falls; "
        "a wet day brings more in New York (11.4 mm to 8.6 mm)."
    )


def test_more_days_and_less_water():
    """The word "less" is relative to the other place, as "more" is."""
    assert found(Bonn=(1, 1, 0, 0), Ulm=(10, 0, 0, 0)) == (
        "It rains on 100% more days in Bonn than in Ulm (50% of days to 25%), and 80% less water falls; "
        "a wet day brings more in Ulm (10.0 mm to 1.0 mm)."
    )


def test_equal_places():
    """A difference of 0 % is not mentioned."""
    assert found(Bonn=(2, 0), Ulm=(0, 2)) == (
        "It rains on as many days in Bonn as in Ulm (50% of days), and as much water falls; "
        "a wet day brings as much (2.0 mm)."
    )


def test_further_places_are_left_out():
    """The two places with the highest share of wet days are compared."""
    assert "Atacama" not in found(Atacama=(0, 0), Bonn=(2, 2), Ulm=(2, 0))


@pytest.mark.parametrize(
    ("places", "sentence"),
    [
        ({"Ulm": (2, 0, 0)}, "Ulm had 1 wet days of 3; there is no other place."),
        ({"Atacama": (0,)}, "Atacama had 0 wet days of 1; there is no other place."),
        ({"Atacama": (0, 0), "Ulm": (2, 0)}, "Ulm had 1 wet days of 2, Atacama had none."),
        ({"Atacama": (0,), "Sahara": (0.5,)}, "Atacama and Sahara had no wet day."),
    ],
)
def test_there_is_not_always_something_to_compare(places, sentence):
    """With one place, or without rain anywhere, nothing is divided by zero."""
    assert found(**places) == sentence

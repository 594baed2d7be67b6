"""The datasets of project_alpha."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from airnub_data.columns import RECORD
from airnub_data.conform import REASON
from airnub_data.testing import conformed
from project_alpha.datasets import DATASETS, WEATHER
from project_alpha.demo import FOLDER

SEATTLE = FOLDER / "weather" / "seattle.csv"


def earthquakes():
    """The records of the sample's API."""
    return json.loads((FOLDER / "earthquakes.json").read_bytes())


def lines(records):
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def feeds():
    return [path.read_bytes() for path in sorted((FOLDER / "feeds").glob("*.csv"))]


def test_one_row_of_the_sample_breaks_a_rule():
    """It is the last one of Seattle, as SOURCES.md says; all other rows are valid."""
    [broken] = conformed(WEATHER, SEATTLE.read_bytes()).quarantine.to_dicts()
    assert broken == {RECORD: 1464, REASON: "precipitation: expected at least 0, found -9.9"}
    for name, contents in (("usgs_earthquakes", [lines(earthquakes())]), ("usgs_earthquake_feeds", feeds())):
        assert conformed(DATASETS[name], *contents).quarantine.is_empty()


def test_a_day_of_weather():
    """Values are typed, in the declared units; a later row corrects the typo of one day, as SOURCES.md says."""
    typo, corrected = (
        conformed(WEATHER, SEATTLE.read_bytes()).rows.drop(RECORD).filter(date=date(2012, 1, 2)).to_dicts()
    )
    assert typo == {**corrected, "precipitation": 109}
    assert corrected == {
        "location": "Seattle",
        "date": date(2012, 1, 2),
        "precipitation": 10.9,
        "temp_max": 10.6,
        "temp_min": 2.8,
        "wind": 4.5,
        "weather": "rain",
    }


def test_an_earthquake_is_the_same_from_the_api_and_from_the_feeds():
    """GeoJSON and CSV have different fields and formats; the rows are equal."""
    both = [
        conformed(DATASETS[name], *contents)
        .rows.drop(RECORD)
        .row(by_predicate=pl.col("id") == "us1000chhc", named=True)
        for name, contents in (
            ("usgs_earthquakes", [lines(earthquakes())]),
            ("usgs_earthquake_feeds", feeds()[:1]),
        )
    ]
    assert both[0] == both[1]
    assert both[0] == {
        "id": "us1000chhc",
        "time": datetime(2018, 2, 6, 15, 50, 42, 400_000, UTC),
        "updated": datetime(2018, 2, 7, 1, 31, 51, 797_000, UTC),
        "latitude": 24.1737,
        "longitude": 121.653,
        "depth": 10.64,
        "mag": 6.4,
        "magType": "mww",
        "place": "22km NNE of Hualian, Taiwan",
        "type": "earthquake",
        "status": "reviewed",
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Seattle,2012-01-01,0.0,12.8,5.0,4.7", "weather: expected a value, found nothing"),
        ("Seattle,2012/01/01,0.0,12.8,5.0,4.7,sun", "date: expected a date such as 2018-02-07, found 2012/01/01"),
        ("Seattle,2012-01-01,-1,12.8,5.0,4.7,sun", "precipitation: expected at least 0, found -1"),
        ("Seattle,2012-01-01,T,12.8,5.0,4.7,sun", "precipitation: expected a number, found T"),
        ("Seattle,2012-01-01,0.0,128,5.0,4.7,sun", "temp_max: expected at most 60, found 128"),
        ("Seattle,2012-01-01,0.0,12.8,-999,4.7,sun", "temp_min: expected at least -90, found -999"),
        ("Seattle,2012-01-01,0.0,12.8,5.0,nan,sun", "wind: expected a finite number, found nan"),
        (
            "Seattle,2012-01-01,0.0,12.8,5.0,4.7,hail",
            "weather: expected one of drizzle, rain, sun, snow, fog, found hail",
        ),
        ("Seattle,2012-01-01,0,0,12.8,5.0,4.7,sun", "expected no field beyond the last column, found sun"),
    ],
)
def test_a_broken_day_is_quarantined(line, reason):
    """The other rows are kept."""
    header, *_, good = SEATTLE.read_text().splitlines()[:3]
    result = conformed(WEATHER, "\n".join([header, good, line]).encode())
    assert result.rows.height == 1
    assert reason in result.quarantine[REASON].item()


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (("id",), None, "id: expected a value, found nothing"),
        (("properties", "time"), "yesterday", "time: expected a time such as"),
        (("properties", "time"), 10**17, "time: expected a time such as"),
        (("properties", "mag"), 12, "mag: expected at most 10, found 12"),
        (("geometry", "coordinates"), [181, 91, 1001], "latitude: expected at most 90, found 91; longitude: expected"),
        (("geometry", "coordinates"), [], "latitude: expected a value, found nothing; longitude: expected a value"),
        (("geometry",), None, "latitude: expected a value, found nothing"),
    ],
)
def test_a_broken_earthquake_is_quarantined(place, value, reason):
    """For an error in any field."""
    good, broken, *_ = earthquakes()
    inner = broken
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    result = conformed(DATASETS["usgs_earthquakes"], lines([good, broken]))
    assert result.rows["id"].to_list() == [good["id"]]
    assert result.quarantine[REASON].item().startswith(reason)


def test_an_earthquake_without_a_magnitude_is_one():
    """The USGS lists events before their magnitude is known."""
    record = earthquakes()[0]
    record["properties"] |= {"mag": None, "magType": None, "place": None}
    assert conformed(DATASETS["usgs_earthquakes"], lines([record])).rows["mag"].to_list() == [None]

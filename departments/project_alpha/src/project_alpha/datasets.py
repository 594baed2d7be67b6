"""The datasets of project_alpha: what their rows are, and how they are read from what was ingested."""

import polars as pl

from airnub_core.datasets import Dataset
from airnub_core.tables import Column, Schema, read_csv, read_json_lines

TIME = pl.Datetime("ms", "UTC")


_EARTHQUAKE: Schema = {
    "id": Column(pl.String),
    "time": Column(TIME),
    "updated": Column(TIME),
    "latitude": Column(pl.Float64, minimum=-90, maximum=90),  # degrees
    "longitude": Column(pl.Float64, minimum=-180, maximum=180),  # degrees
    "depth": Column(pl.Float64, minimum=-10, maximum=1000, nullable=True),  # km
    "mag": Column(pl.Float64, minimum=-5, maximum=10, nullable=True),
    "magType": Column(pl.String, nullable=True),
    "place": Column(pl.String, nullable=True),
    "type": Column(pl.String),
    "status": Column(pl.String),
}
# Where the USGS puts these in GeoJSON: https://earthquake.usgs.gov/earthquakes/feed/v1.0/geojson.php
_GEOJSON = {
    "id": "id",
    "longitude": "geometry.coordinates.0",
    "latitude": "geometry.coordinates.1",
    "depth": "geometry.coordinates.2",
} | {name: f"properties.{name}" for name in ("time", "updated", "mag", "magType", "place", "type", "status")}

DATASETS = {
    dataset.stem: dataset
    for dataset in (
        Dataset(
            "noaa_daily_weather",
            ".csv",
            read_csv,
            {
                "location": Column(pl.String),
                "date": Column(pl.Date),
                "precipitation": Column(pl.Float64, minimum=0),  # mm
                "temp_max": Column(pl.Float64, minimum=-90, maximum=60),  # °C
                "temp_min": Column(pl.Float64, minimum=-90, maximum=60),  # °C
                "wind": Column(pl.Float64, minimum=0),  # m/s
                "weather": Column(pl.String, one_of=("drizzle", "rain", "sun", "snow", "fog")),
            },
            unique=("location", "date"),
        ),
        Dataset(
            "usgs_earthquakes",
            ".jsonl",
            lambda name, contents: read_json_lines(name, contents, _GEOJSON),
            _EARTHQUAKE,
            unique=("id",),
        ),
        Dataset("usgs_earthquake_feeds", ".csv", read_csv, _EARTHQUAKE, unique=("id",)),
    )
}

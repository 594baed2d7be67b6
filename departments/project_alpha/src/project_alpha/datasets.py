"""The datasets of project_alpha: columns, keys, and readers of the ingested objects."""

import polars as pl

from airnub_data import Column, Csv, Dataset, JsonLines, by_name

TIME = pl.Datetime("ms", "UTC")

_EARTHQUAKE = {
    "id": Column(pl.String),
    "time": Column(TIME),
    "updated": Column(TIME),
    "latitude": Column(pl.Float64, minimum=-90, maximum=90, unit="degrees"),
    "longitude": Column(pl.Float64, minimum=-180, maximum=180, unit="degrees"),
    "depth": Column(pl.Float64, minimum=-10, maximum=1000, nullable=True, unit="km"),
    "mag": Column(pl.Float64, minimum=-5, maximum=10, nullable=True),
    "magType": Column(pl.String, nullable=True),
    "place": Column(pl.String, nullable=True),
    "type": Column(pl.String),
    "status": Column(pl.String),
}
# Where the USGS puts these in GeoJSON: https://earthquake.usgs.gov/earthquakes/feed/v1.0/geojson.php
_GEOJSON = {
    "longitude": "geometry.coordinates.0",
    "latitude": "geometry.coordinates.1",
    "depth": "geometry.coordinates.2",
} | {name: f"properties.{name}" for name in ("time", "updated", "mag", "magType", "place", "type", "status")}

WEATHER = Dataset(
    name="noaa_daily_weather",
    source="noaa_daily_weather",
    reader=Csv(),
    columns={
        "location": Column(pl.String),
        "date": Column(pl.Date),
        "precipitation": Column(pl.Float64, minimum=0, unit="mm"),
        "temp_max": Column(pl.Float64, minimum=-90, maximum=60, unit="°C"),
        "temp_min": Column(pl.Float64, minimum=-90, maximum=60, unit="°C"),
        "wind": Column(pl.Float64, minimum=0, unit="m/s"),
        "weather": Column(pl.String, one_of=("drizzle", "rain", "sun", "snow", "fog")),
    },
    key=("location", "date"),
    parquet_copy=False,
)

DATASETS = by_name(
    WEATHER,
    *(
        Dataset(
            name=source, source=source, reader=reader, columns=_EARTHQUAKE, key=("id",), latest="updated",
            parquet_copy=False, on_new_column="ignore",  # the USGS has many more
        )
        for source, reader in (("usgs_earthquakes", JsonLines(_GEOJSON)), ("usgs_earthquake_feeds", Csv()))
    ),
)  # fmt: skip

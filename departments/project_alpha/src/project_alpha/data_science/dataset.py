"""The dataset of the research: daily weather, as the processing makes it."""

from pathlib import Path

import polars as pl

from airnub_data import Location, read_dataset
from project_alpha.datasets import WEATHER


def load_days(datasets: Path) -> pl.DataFrame:
    """The days of all places, one row per place and day, sorted by both; `WEATHER` declares columns, units and ranges.

    Args:
        datasets: the folder with the datasets of the department.

    Raises:
        DatasetError: there is no such dataset, or it has no rows.
        StoreError: it cannot be read.
    """
    return read_dataset(Location(datasets), WEATHER)

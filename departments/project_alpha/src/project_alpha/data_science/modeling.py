"""Probabilities that tomorrow is wet, from a logistic regression and from two baselines."""

from collections.abc import Iterator
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from airnub_core.errors import DatasetError
from project_alpha.data_science.features import FEATURES
from project_alpha.datasets import WEATHER

FORECASTS = ("climatology", "persistence", "logistic_regression")


def split(examples: pl.DataFrame, test_from: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The examples that train and those that test, divided by the predicted day, in the order of time.

    Raises:
        DatasetError: a place lacks training or test days, or its training days are all wet or all dry.
    """
    is_test = pl.col("target_date") >= test_from
    train, test = examples.filter(~is_test), examples.filter(is_test)
    problems = [
        f"{place}: {wet} wet and {dry} dry days to train, {tested} to test"
        for place, wet, dry, tested in _day_counts(examples, train, test)
        if not (wet and dry and tested)
    ]
    if problems or examples.is_empty():
        raise DatasetError(
            WEATHER.stem,
            f"expected wet and dry days to train before {test_from} and days to test from then on for every place, "
            f"found {'; '.join(problems) or 'no week without missing values'}; the dataset has to span {test_from}",
        )
    return train, test


def forecasts(train: pl.DataFrame, test: pl.DataFrame) -> pl.DataFrame:
    """One row per tested place and day: `location`, `target_date`, `wet` (0 or 1), a probability per `FORECASTS`.

    - climatology: the wet share of the month and place in the training days;
    - persistence: tomorrow is like today, so 0 or 1;
    - logistic_regression: one per place, since what brings rain differs between places.

    Raises:
        DatasetError: a month is tested in a place where no day of it trained.
    """
    month = pl.col("target_date").dt.month().alias("month")
    climatology = train.group_by("location", month).agg(climatology=pl.col("wet_tomorrow").mean())
    joined = test.with_columns(month).join(climatology, on=["location", "month"], how="left", maintain_order="left")
    unknown = joined.filter(pl.col("climatology").is_null()).select("location", "month").unique().sort(pl.all())
    if not unknown.is_empty():
        found = ", ".join(f"{place} month {number}" for place, number in unknown.rows())
        reason = f"expected training days in every tested month, found none for {found}; add a whole year"
        raise DatasetError(WEATHER.stem, reason)
    return pl.concat(
        rows.select(
            "location",
            "target_date",
            "climatology",
            wet="wet_tomorrow",
            persistence="wet_today",
            logistic_regression=pl.Series(_logistic_regression(train.filter(location=place), rows)),
        ).select("location", "target_date", "wet", *FORECASTS)
        for (place,), rows in joined.group_by("location", maintain_order=True)
    )


def _logistic_regression(train: pl.DataFrame, test: pl.DataFrame) -> npt.NDArray[np.float64]:
    """The probabilities, shape (rows of `test`,), of a regression fitted and scaled on `train` alone."""
    # Imported here: the command's help and its errors do not need the extra, and wait two seconds less.
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]  # it ships no types
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]  # it ships no types
    from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]  # it ships no types

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(train.select(FEATURES).to_numpy(), train["wet_tomorrow"].to_numpy())
    probabilities: npt.NDArray[np.float64] = model.predict_proba(test.select(FEATURES).to_numpy())[:, 1]
    return probabilities


def _day_counts(*tables: pl.DataFrame) -> Iterator[tuple[str, int, int, int]]:
    """Each place with its wet training days, dry training days and test days."""
    examples, train, test = tables
    for place in examples["location"].unique().sort():
        trained = train.filter(location=place)["wet_tomorrow"]
        wet = int(trained.sum())
        yield place, wet, len(trained) - wet, test.filter(location=place).height

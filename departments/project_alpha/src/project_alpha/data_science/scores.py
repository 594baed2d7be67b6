"""Scores of probabilistic forecasts of a binary event.

Throughout, `probabilities` p and `outcomes` o have shape (n,); p lies in 0..1, o is 0 (dry) or 1 (wet).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from project_alpha.data_science.modeling import FORECASTS
from project_alpha.data_science.uncertainty import skill_interval

Numbers = npt.NDArray[np.float64]

REFERENCE = "climatology"


@dataclass(frozen=True)
class Score:
    """One forecast at one place; the numbers have no unit but `log_loss`, which is in nats."""

    location: str
    forecast: str
    days: int
    wet_days: int
    brier_score: float
    log_loss: float | None
    brier_skill_score: float | None
    """Against climatology."""
    skill_interval: tuple[float, float] | None
    """Of the Brier skill score, 90 %; see `uncertainty`."""


def score(forecasts: pl.DataFrame) -> list[Score]:
    """A score for every place and forecast, places in alphabetical order, forecasts as in `FORECASTS`.

    Args:
        forecasts: as `modeling.forecasts` returns them.
    """
    return [
        _score(str(place), name, rows)
        for (place,), rows in forecasts.sort("location", "target_date").group_by("location", maintain_order=True)
        for name in FORECASTS
    ]


def _score(place: str, name: str, rows: pl.DataFrame) -> Score:
    probabilities, reference, outcomes = rows[name].to_numpy(), rows[REFERENCE].to_numpy(), rows["wet"].to_numpy()
    brier = brier_score(probabilities, outcomes)
    return Score(
        location=place,
        forecast=name,
        days=len(rows),
        wet_days=int(outcomes.sum()),
        brier_score=brier,
        log_loss=log_loss(probabilities, outcomes),
        brier_skill_score=brier_skill_score(brier, brier_score(reference, outcomes)),
        skill_interval=skill_interval((probabilities - outcomes) ** 2, (reference - outcomes) ** 2),
    )


def brier_score(probabilities: Numbers, outcomes: Numbers) -> float:
    """BS = mean((p - o)²): 0 is perfect, 0.25 is a coin, 1 is always certain and wrong.

    G. W. Brier, Verification of forecasts expressed in terms of probability, Monthly Weather Review 78 (1950), 1-3.
    His sum runs over both classes and is twice this; halved is how it is used today for two classes, see D. S. Wilks,
    Statistical Methods in the Atmospheric Sciences, section "The Brier Score".
    """
    return float(np.mean((probabilities - outcomes) ** 2))


def brier_skill_score(brier: float, reference: float) -> float | None:
    """BSS = 1 - BS / BS_ref: 1 is perfect, 0 is as good as the reference, below 0 is worse than it.

    Wilks, as above. The reference here is climatology from the training years, not from the tested year, whose
    wet share is not known at the time of the forecast.

    Returns:
        None if the reference is perfect, and no forecast can be better.
    """
    return 1 - brier / reference if reference else None


def log_loss(probabilities: Numbers, outcomes: Numbers) -> float | None:
    """-mean(o ln p + (1 - o) ln(1 - p)) in nats: 0 is perfect, ln 2 is a coin.

    I. J. Good, Rational Decisions, Journal of the Royal Statistical Society B 14 (1952), 107-114.

    Returns:
        None if it is infinite: an event with the probability 0 happened.
    """
    of_what_happened = np.where(outcomes == 1, probabilities, 1 - probabilities)
    return None if (of_what_happened <= 0).any() else float(-np.mean(np.log(of_what_happened)))


def reliability(probabilities: Numbers, outcomes: Numbers, bins: int = 10) -> pl.DataFrame:
    """One row per bin of equal width that holds days: `probability` (mean), `wet_share` (observed), `days`."""
    number = np.minimum((probabilities * bins).astype(int), bins - 1)
    return (
        pl.DataFrame({"bin": number, "probability": probabilities, "wet": outcomes})
        .group_by("bin")
        .agg(pl.col("probability").mean(), pl.col("wet").mean().alias("wet_share"), pl.len().alias("days"))
        .sort("bin")
        .drop("bin")
    )

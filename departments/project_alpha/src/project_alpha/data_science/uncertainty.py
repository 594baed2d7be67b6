"""Sampling uncertainty of a skill score, from a bootstrap over the days of the test."""

import numpy as np
import numpy.typing as npt

_BLOCK_DAYS = 7
_SAMPLES = 2000
_SEED = 1950


def skill_interval(
    squared_errors: npt.NDArray[np.float64], reference_errors: npt.NDArray[np.float64]
) -> tuple[float, float] | None:
    """The 90 % interval of the Brier skill score, from a moving-block bootstrap over weeks.

    H. R. Künsch, The Jackknife and the Bootstrap for General Stationary Observations, Annals of Statistics 17 (1989),
    1217-1241. Whole weeks are drawn, since wet days come in spells and single days would look more independent than
    they are; forecast and reference are drawn together, since they face the same weather. The seed is fixed: the same
    errors give the same interval.

    Args:
        squared_errors: (p - o)² per day in the order of time, shape (n,), n >= 1.
        reference_errors: (p - o)² per day of the reference forecast, shape (n,).

    Returns:
        The 5th and the 95th percentile; None if the reference has no error in a sample, so that skill is undefined.
    """
    days = len(squared_errors)
    block = min(_BLOCK_DAYS, days)
    starts = np.random.default_rng(_SEED).integers(0, days - block + 1, size=(_SAMPLES, -(-days // block)))
    drawn = (starts[:, :, np.newaxis] + np.arange(block)).reshape(_SAMPLES, -1)[:, :days]
    error, reference = squared_errors[drawn].sum(axis=1), reference_errors[drawn].sum(axis=1)
    if (reference == 0).any():
        return None
    low, high = np.percentile(1 - error / reference, [5, 95])
    return float(low), float(high)

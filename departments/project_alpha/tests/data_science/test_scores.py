"""Scores, by hand, by scikit-learn, and on the real weather."""

import math

import numpy as np
import polars as pl
import pytest

from project_alpha.data_science.modeling import FORECASTS
from project_alpha.data_science.scores import brier_score, brier_skill_score, log_loss, reliability, score


def test_brier_score_by_hand():
    """The mean of 0.04, 0.09 and 1."""
    assert brier_score(np.array([0.8, 0.3, 0.0]), np.array([1.0, 0.0, 1.0])) == pytest.approx(1.13 / 3)


def test_coin_scores():
    """A coin has a Brier score of a quarter and a log loss of ln 2, whatever happens."""
    coin, outcomes = np.full(4, 0.5), np.array([1.0, 0, 0, 1])
    assert brier_score(coin, outcomes) == 0.25
    assert log_loss(coin, outcomes) == pytest.approx(math.log(2))


def test_log_loss_is_none_only_where_it_is_infinite():
    """Certain and right costs nothing; certain and wrong once cannot be expressed."""
    assert log_loss(np.array([0.0, 1.0]), np.array([0.0, 1.0])) == 0
    assert log_loss(np.array([0.0, 1.0, 0.5]), np.array([0.0, 0.0, 1.0])) is None
    assert log_loss(np.array([0.0, 1.0, 0.5]), np.array([1.0, 1.0, 1.0])) is None


@pytest.mark.parametrize(("brier", "skill"), [(0, 1), (0.2, 0), (0.1, 0.5), (0.4, -1)])
def test_skill_is_relative_to_the_reference(brier, skill):
    """Perfect is 1, as good as the reference 0, worse is negative."""
    assert brier_skill_score(brier, 0.2) == pytest.approx(skill)


def test_skill_against_a_perfect_reference_is_undefined():
    """Nothing can be better than without error."""
    assert brier_skill_score(0.1, 0.0) is None


def test_scores_agree_with_scikit_learn(forecast_rows):
    """Brier score and log loss are those that others compute."""
    from sklearn.metrics import brier_score_loss  # importing it takes 2 s, which a collection need not wait for
    from sklearn.metrics import log_loss as sklearn_log_loss

    for found in score(forecast_rows):
        rows = forecast_rows.filter(location=found.location)
        probabilities, outcomes = rows[found.forecast].to_numpy(), rows["wet"].to_numpy()
        assert found.brier_score == pytest.approx(brier_score_loss(outcomes, probabilities))
        if found.log_loss is not None:
            assert found.log_loss == pytest.approx(sklearn_log_loss(outcomes, probabilities))


def test_every_place_and_forecast_is_scored(forecast_rows):
    """Six scores, in order, over the 365 days of 2015."""
    scores = score(forecast_rows)
    expected = [(place, name, 365) for place in ("New York", "Seattle") for name in FORECASTS]
    assert [(found.location, found.forecast, found.days) for found in scores] == expected
    assert [found.wet_days for found in scores] == [82] * 3 + [116] * 3


def test_what_the_research_found(forecast_rows):
    """On the real weather the regression has skill in Seattle, perhaps none in New York, and persistence has none."""
    found = {(one.location, one.forecast): one for one in score(forecast_rows)}
    assert found["Seattle", "logistic_regression"].brier_skill_score == pytest.approx(0.078, abs=0.002)
    assert found["New York", "logistic_regression"].brier_skill_score == pytest.approx(0.018, abs=0.002)
    assert found["Seattle", "logistic_regression"].skill_interval[0] > 0
    assert found["New York", "logistic_regression"].skill_interval[0] < 0
    for place in ("Seattle", "New York"):
        assert found[place, "climatology"].brier_skill_score == 0
        assert found[place, "persistence"].skill_interval[1] < 0
        assert found[place, "persistence"].log_loss is None


def test_reliability_counts_every_day_once():
    """Bins hold their lower edge; certainty belongs to the last bin; empty bins are left out."""
    table = reliability(np.array([0.0, 0.04, 0.5, 0.55, 1.0]), np.array([0.0, 1.0, 0.0, 0.0, 1.0]))
    assert table.columns == ["probability", "wet_share", "days"]
    assert table["days"].to_list() == [2, 2, 1]
    assert table["wet_share"].to_list() == [0.5, 0.0, 1.0]
    assert table["probability"].to_list() == pytest.approx([0.02, 0.525, 1.0])


def test_reliability_keeps_the_mean(forecast_rows):
    """Weighted by days, the bins have the wet share of the year."""
    rows = forecast_rows.filter(location="Seattle")
    table = reliability(rows["logistic_regression"].to_numpy(), rows["wet"].to_numpy())
    mean = table.select((pl.col("wet_share") * pl.col("days")).sum() / pl.col("days").sum()).item()
    assert mean == pytest.approx(116 / 365)

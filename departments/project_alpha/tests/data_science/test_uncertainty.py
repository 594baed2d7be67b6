"""The interval of a skill score."""

import numpy as np
import pytest

from project_alpha.data_science.uncertainty import skill_interval


def _errors(days=365, seed=7):
    return np.random.default_rng(seed).uniform(0, 1, days)


def test_interval_holds_the_skill_and_repeats():
    """The score lies inside; the same errors give the same interval."""
    reference, errors = _errors(), 0.8 * _errors(seed=8)
    low, high = skill_interval(errors, reference)
    assert low < 1 - errors.sum() / reference.sum() < high
    assert (low, high) == skill_interval(errors, reference)


def test_forecast_and_reference_are_drawn_together():
    """A forecast that errs half as much every day has a skill of one half without doubt."""
    assert skill_interval(0.5 * _errors(), _errors()) == pytest.approx((0.5, 0.5))


def test_more_days_give_a_narrower_interval():
    """Sixteen times the days leave about a quarter of the width."""
    short, long = (np.subtract(*reversed(skill_interval(_errors(days, seed=8), _errors(days)))) for days in (200, 3200))
    assert 0.15 < long / short < 0.4


def test_spells_widen_the_interval():
    """Errors that come in weeks say less than as many that come singly."""
    single = np.tile([1.0, 0.0], 182)
    weeks = np.tile(np.repeat([1.0, 0.0], 7), 26)
    reference = np.full(364, 0.7)
    low, high = skill_interval(single, reference)
    low_of_weeks, high_of_weeks = skill_interval(weeks, reference)
    assert high_of_weeks - low_of_weeks > 2 * (high - low)


def test_reference_without_error_leaves_no_interval():
    """Where the reference is perfect, skill is undefined."""
    assert skill_interval(_errors(10), np.zeros(10)) is None


def test_less_than_a_week_is_one_block():
    """Three days are drawn as they are."""
    assert skill_interval(np.array([0.1, 0.2, 0.3]), np.array([0.2, 0.4, 0.6])) == pytest.approx((0.5, 0.5))

"""Plots."""

import pytest

from project_alpha.data_science.plots import brier_bars, label, png, reliability_diagram
from project_alpha.data_science.scores import score


def test_reliability_diagram_has_a_column_per_place(forecast_rows):
    """Titles name the places, axes say what they show, the legend stands outside of the axes."""
    figure = reliability_diagram(forecast_rows)
    curves, counts = figure.axes[:2], figure.axes[2:]
    assert [axes.get_title() for axes in curves] == ["New York", "Seattle"]
    assert curves[0].get_ylabel() == "Observed share of wet days"
    assert {axes.get_xlabel() for axes in counts} == {"Forecast probability of a wet day"}
    assert not any(axes.get_legend() for axes in figure.axes)
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "Perfectly reliable",
        "Climatology",
        "Persistence",
        "Logistic regression",
    ]


def test_reliability_bars_count_every_day(forecast_rows):
    """The small bars of a place add up to the days of 2015."""
    for counts in reliability_diagram(forecast_rows).axes[2:]:
        assert sum(bar.get_height() for bar in counts.patches) == 365


def test_single_place_is_drawn_alone(forecast_rows):
    """One place makes one column."""
    figure = reliability_diagram(forecast_rows.filter(location="Seattle"))
    assert len(figure.axes) == 2


def test_brier_bars_are_the_scores(forecast_rows):
    """A bar's height is its score, from zero, and every forecast has the colour of the other figure."""
    scores = score(forecast_rows)
    [axes] = brier_bars(scores).axes
    assert sorted(bar.get_height() for bar in axes.patches) == sorted(found.brier_score for found in scores)
    assert axes.get_ylim()[0] == 0
    assert [text.get_text() for text in axes.get_xticklabels()] == ["New York", "Seattle"]


@pytest.mark.parametrize("draw", [reliability_diagram, lambda rows: brier_bars(score(rows))])
def test_png_needs_no_display(forecast_rows, draw):
    """The bytes are a PNG, and the same each time."""
    content = png(draw(forecast_rows))
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    assert content == png(draw(forecast_rows))


def test_labels_are_words():
    """Names of columns are not shown to readers."""
    assert label("logistic_regression") == "Logistic regression"

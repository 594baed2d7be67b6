"""Plots of the scores, drawn without a display and without pyplot's global state."""

from io import BytesIO

import polars as pl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from project_alpha.data_science.modeling import FORECASTS
from project_alpha.data_science.scores import Score, reliability

# Okabe and Ito's palette: distinguishable with any colour vision, and by marker in grey.
_COLOURS = dict(zip(FORECASTS, ("#7f7f7f", "#e69f00", "#0072b2"), strict=True))
_MARKERS = dict(zip(FORECASTS, ("s", "^", "o"), strict=True))
_LINES = dict(zip(FORECASTS, ("--", "none", "-"), strict=True))
_FEWEST_DAYS = 10
_BINS = 10


def reliability_diagram(forecasts: pl.DataFrame) -> Figure:
    """Forecast probability against observed wet share, a column per place, with the number of days per bin below.

    Args:
        forecasts: as `modeling.forecasts` returns them.
    """
    places = forecasts["location"].unique().sort().to_list()
    figure = Figure(figsize=(0.7 + 4.9 * len(places), 7.2), layout=_layout())
    figure.suptitle("Does it rain as often as forecast?", fontsize=15, fontweight="bold")
    grid = figure.subplots(2, len(places), sharex=True, sharey="row", height_ratios=(4, 1), squeeze=False)
    for place, curves, counts in zip(places, *grid, strict=True):
        _draw_reliability(curves, counts, forecasts.filter(location=place))
        curves.set_title(place)
    grid[0, 0].set_ylabel("Observed share of wet days")
    grid[1, 0].set_ylabel("Days")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return figure


def brier_bars(scores: list[Score]) -> Figure:
    """The Brier score of every forecast, a group of bars per place; shorter is better."""
    places = sorted({score.location for score in scores})
    figure = Figure(figsize=(2.5 + 2.75 * len(places), 4.8), layout=_layout())
    figure.suptitle("Brier score of tomorrow's rain (0 is perfect)", fontsize=15, fontweight="bold")
    axes = figure.subplots()
    width = 0.8 / len(FORECASTS)
    for number, forecast in enumerate(FORECASTS):
        heights = [score.brier_score for score in scores if score.forecast == forecast]
        positions = [place + (number - (len(FORECASTS) - 1) / 2) * width for place in range(len(places))]
        bars = axes.bar(positions, heights, width * 0.92, color=_COLOURS[forecast], label=label(forecast))
        axes.bar_label(bars, fmt="%.3f", padding=3)
    axes.set_xticks(range(len(places)), places, fontsize=12)
    axes.set_ylabel("Brier score (no unit)")
    axes.margins(y=0.12)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=len(FORECASTS), frameon=False)
    return figure


def png(figure: Figure) -> bytes:
    """The figure as a PNG of 150 dots per inch."""
    buffer = BytesIO()
    FigureCanvasAgg(figure).print_figure(buffer, format="png", dpi=150)
    return buffer.getvalue()


def label(forecast: str) -> str:
    """A forecast's name for readers: "logistic_regression" is "Logistic regression"."""
    return forecast.replace("_", " ").capitalize()


def _layout() -> ConstrainedLayoutEngine:
    """A layout without overlaps, with a margin of 0.12 inches."""
    return ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12)


def _draw_reliability(curves: Axes, counts: Axes, rows: pl.DataFrame) -> None:
    curves.plot([0, 1], [0, 1], color="black", linewidth=1, linestyle=":", label="Perfectly reliable")
    for forecast in FORECASTS:
        probabilities = rows[forecast].to_numpy()
        bins = reliability(probabilities, rows["wet"].to_numpy(), _BINS).filter(pl.col("days") >= _FEWEST_DAYS)
        [line] = curves.plot(bins["probability"], bins["wet_share"], linewidth=2, markersize=7, label=label(forecast))
        # Persistence has two probabilities; a line between them would show forecasts that it never makes.
        line.set(color=_COLOURS[forecast], marker=_MARKERS[forecast], linestyle=_LINES[forecast])
    edges = [number / _BINS for number in range(_BINS + 1)]
    counts.hist(rows["logistic_regression"], bins=edges, color=_COLOURS["logistic_regression"], rwidth=0.9)
    counts.set_title("How often the logistic regression forecasts it", fontsize=10)
    counts.set_xlabel("Forecast probability of a wet day")
    curves.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    for axes in (curves, counts):
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)

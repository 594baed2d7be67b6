"""The report: the results as JSON for machines, Markdown for readers and a table for the terminal."""

import json
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from project_alpha.data_science.config import ResearchConfig
from project_alpha.data_science.features import FEATURES
from project_alpha.data_science.plots import label
from project_alpha.data_science.scores import REFERENCE, Score
from project_alpha.datasets import WEATHER

QUESTION = "Can tomorrow's rain be predicted from what is known today?"

# Digits beyond the sixth depend on the processor's arithmetic, and are more precise than 365 days justify.
_DIGITS = 6


@dataclass(frozen=True)
class Results:
    """Results of one run, with configuration and data."""

    config: ResearchConfig
    digest: str
    """Digest of the dataset's rows as CSV."""
    train: pl.DataFrame
    test: pl.DataFrame
    forecasts: pl.DataFrame
    scores: list[Score]


def scores_json(results: Results) -> str:
    """The results as JSON; the same dataset gives the same text on any machine.

    `log_loss` is null where it is infinite, `brier_skill_score` and `skill_interval` where they are undefined.
    """
    content = {
        "question": QUESTION,
        "dataset": {"name": WEATHER.stem, "digest": results.digest},
        "wet_day_mm": results.config.wet_day_mm,
        "features": FEATURES,
        "train": _period(results.train),
        "test": _period(results.test),
        "scores": [{name: _rounded(value) for name, value in asdict(score).items()} for score in results.scores],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def table(scores: list[Score]) -> str:
    """The scores as a text table, one line each."""
    heading = ("place", "forecast", "Brier", "log loss", "skill", "90 % interval")
    return "\n".join(
        f"{place:<12}{name:<21}{brier:>7}{loss:>10}{skill:>11}{interval:>19}"
        for place, name, brier, loss, skill, interval in [heading, *_rows(scores)]
    )


def markdown(results: Results) -> str:
    """The report as Markdown; paths of its images are relative to its folder."""
    config, train, test = results.config, _period(results.train), _period(results.test)
    answers = "\n".join(f"- {_answer(score)}" for score in results.scores if score.forecast == "logistic_regression")
    rows = "\n".join(f"| {' | '.join(row)} |" for row in _rows(results.scores))
    return f"""# {QUESTION}

{answers}

| Place | Forecast | Brier score | Log loss (nats) | Brier skill score | 90 % interval |
|---|---|---:|---:|---:|---:|
{rows}

Less is better for the Brier score and the log loss; more is better for the skill score, where 0 is climatology and 1 is
perfect. The interval is from a bootstrap over the weeks of the test; skill is shown where all of it lies above 0. The
log loss is infinite where an event happened that the forecast had given the probability 0.

![Brier scores]({config.brier_plot.name})

![Reliability]({config.reliability_plot.name})

On the dotted line, the observed share of wet days equals the forecast probability. Each point is the mean of at least
ten days. The bars count the days of the logistic regression per forecast probability.

## How

- A day is wet from {config.wet_day_mm:g} mm on. A forecast for a day only uses earlier days of that place.
- Trained on {train["first_day"]} to {train["last_day"]} ({train["rows"]} place-days), tested on {test["first_day"]} to
  {test["last_day"]} ({test["rows"]} place-days), never shuffled. No choice was based on the test period.
- Climatology is the wet share of the month and place in the training days; persistence: tomorrow is like today.
- The logistic regression is fitted for each place from: {", ".join(f"`{name}`" for name in FEATURES)}.
- The dataset: `{WEATHER.stem}`, its rows as CSV `{results.digest}`.

## What this does not show

How skill varies from year to year: the test is one period, and the interval only covers its weeks. How good a weather
service is: its models use air pressure, the sea and the sky upwind, and this one uses a single station.
"""


def _answer(score: Score) -> str:
    """The answer for one place; an interval that contains 0 shows no skill."""
    wet = f"{score.wet_days} of {score.days} tested days were wet"
    if score.brier_skill_score is None or score.skill_interval is None:
        return f"**{score.location}: cannot be said.** Climatology makes no error to improve on ({wet})."
    low, high = score.skill_interval
    verdict = "yes" if low > 0 else "no" if high < 0 else "not shown"
    skill = f"skill {score.brier_skill_score:+.3f}, 90 % interval {low:+.3f} to {high:+.3f}"
    return f"**{score.location}: {verdict}.** The logistic regression against climatology: {skill} ({wet})."


def _rows(scores: list[Score]) -> list[tuple[str, ...]]:
    return [
        (
            score.location,
            label(score.forecast),
            f"{score.brier_score:.3f}",
            "infinite" if score.log_loss is None else f"{score.log_loss:.3f}",
            "undefined" if score.brier_skill_score is None else f"{score.brier_skill_score:+.3f}",
            _interval(score),
        )
        for score in scores
    ]


def _interval(score: Score) -> str:
    if score.forecast == REFERENCE:
        return "the reference"
    return "undefined" if score.skill_interval is None else "{:+.3f} to {:+.3f}".format(*score.skill_interval)


def _period(rows: pl.DataFrame) -> dict[str, Any]:
    days = rows["target_date"]
    return {"first_day": str(days.min()), "last_day": str(days.max()), "rows": len(days)}


def _rounded(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_rounded(item) for item in value]
    return round(value, _DIGITS) if isinstance(value, float) else value

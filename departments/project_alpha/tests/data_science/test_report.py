"""The report."""

import json
from dataclasses import replace

import pytest

from project_alpha.data_science.__main__ import research
from project_alpha.data_science.config import ResearchConfig
from project_alpha.data_science.report import markdown, scores_json, table


@pytest.fixture(scope="module")
def results(datasets):
    return research(ResearchConfig(datasets=datasets.root))


def test_json_is_the_same_each_time_and_names_no_folder(results, datasets, tmp_path):
    """A second computation for another folder gives the same text."""
    again = research(ResearchConfig(datasets=datasets.root, output=tmp_path / "elsewhere"))
    assert scores_json(results) == scores_json(again)
    assert str(datasets.root) not in scores_json(results)


def test_json_says_what_was_computed_from_what(results):
    """Dataset, digest, threshold, periods and scores, with null for an infinite log loss."""
    content = json.loads(scores_json(results))
    assert content["dataset"] == {"name": "noaa_daily_weather", "digest": results.digest}
    assert content["wet_day_mm"] == 1
    assert content["train"] == {"first_day": "2012-01-08", "last_day": "2014-12-31", "rows": 2178}
    assert content["test"] == {"first_day": "2015-01-01", "last_day": "2015-12-31", "rows": 730}
    climatology, persistence, _ = content["scores"][:3]
    assert climatology == {
        "location": "New York",
        "forecast": "climatology",
        "days": 365,
        "wet_days": 82,
        "brier_score": 0.172598,
        "log_loss": 0.528716,
        "brier_skill_score": 0.0,
        "skill_interval": [0.0, 0.0],
    }
    assert persistence["log_loss"] is None


def test_table_is_aligned(results):
    """A heading and six lines of equal width."""
    lines = table(results.scores).splitlines()
    assert len(lines) == 7
    assert len({len(line) for line in lines}) == 1


def test_report_answers_shows_and_explains(results):
    """The question, an answer per place, every score, both pictures and the dataset's digest."""
    text = markdown(results)
    assert text.startswith("# Can tomorrow's rain be predicted from what is known today?\n")
    for part in ("**New York: not shown.**", "**Seattle: yes.**", "](brier_scores.png)", "](reliability.png)"):
        assert part in text
    assert results.digest in text
    assert text.count("| Logistic regression |") == 2


@pytest.mark.parametrize(
    ("skill", "interval", "verdict"),
    [
        (0.1, (0.01, 0.2), "yes"),
        (0.1, (-0.01, 0.2), "not shown"),
        (-0.1, (-0.2, 0.01), "not shown"),
        (-0.1, (-0.2, -0.01), "no"),
        (None, None, "cannot be said"),
    ],
)
def test_verdict_follows_the_interval(results, skill, interval, verdict):
    """A skill above 0 is no yes while its interval reaches below."""
    [*_, seattle] = results.scores
    text = markdown(replace(results, scores=[replace(seattle, brier_skill_score=skill, skill_interval=interval)]))
    assert f"**Seattle: {verdict}.**" in text

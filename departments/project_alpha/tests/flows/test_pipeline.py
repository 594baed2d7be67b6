"""The pipeline: every stage in one run, each taking what the one before left."""

from airnub_core import Kind
from airnub_prefect.errors import StageFailedError
from project_alpha.demo import DEMO
from project_alpha.flows.pipeline import pipeline


def test_first_run_stores_and_second_finds_everything_unchanged(run, sound_site, tmp_path):
    """Every stage ends well, and a second run makes nothing new."""
    settings = DEMO.settings(sound_site, tmp_path)
    first = run(pipeline, **settings)
    assert first.state == "Completed"
    assert list(first.result) == ["ingestion", "processing", "analysis"]
    assert {outcome.kind for report in first.result.values() for outcome in report.outcomes} == {Kind.STORED}
    assert {outcome.source: outcome.rows for outcome in first.result["processing"].outcomes} == {
        "noaa_daily_weather": 2922,
        "usgs_earthquakes": 1707,
        "usgs_earthquake_feeds": 996,
    }
    second = run(pipeline, **settings)
    assert {outcome.kind for report in second.result.values() for outcome in report.outcomes} == {Kind.UNCHANGED}


def test_a_stage_that_fails_ends_the_run(run, site, tmp_path):
    """The run is Failed and names the broken link; no later stage is started, and what was stored is safe."""
    ended = run(pipeline, **DEMO.settings(site, tmp_path))
    assert ended.state == "Failed"
    assert "9.5_week.csv: expected status 200, found 404 Not Found" in ended.message
    assert isinstance(ended.result, StageFailedError)
    assert ended.result.report.counts == {"stored": 7, "updated": 0, "unchanged": 0, "failed": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_the_next_good_run_takes_up_what_a_failed_one_stored(run, site, tmp_path):
    """All stages complete, and only what had failed is new."""
    run(pipeline, **DEMO.settings(site, tmp_path))
    site.routes |= DEMO.routes(with_failure=False)
    ended = run(pipeline, **DEMO.settings(site, tmp_path))
    assert ended.state == "Completed"
    assert ended.result["ingestion"].counts == {"stored": 0, "updated": 0, "unchanged": 7, "failed": 0}
    assert {outcome.kind for outcome in ended.result["processing"].outcomes} == {Kind.STORED}

"""The pipeline: every stage in one run."""

from airnub_core import Status
from airnub_prefect.errors import PipelineFailedError
from project_alpha.demo import DEMO
from project_alpha.flows.pipeline import pipeline


def test_first_run_stores_and_second_finds_everything_unchanged(run, sound_site, tmp_path):
    """Every stage completes, and a second run stores nothing new."""
    settings = DEMO.settings(sound_site, tmp_path)
    first = run(pipeline, **settings)
    assert first.state == "Completed"
    assert list(first.result) == ["ingestion", "processing", "analysis"]
    assert {outcome.kind for report in first.result.values() for outcome in report.outcomes} == {Status.STORED}
    assert {outcome.source: outcome.rows for outcome in first.result["processing"].outcomes} == {
        "noaa_daily_weather": 2922,
        "usgs_earthquakes": 1707,
        "usgs_earthquake_feeds": 996,
    }
    second = run(pipeline, **settings)
    assert {outcome.kind for report in second.result.values() for outcome in report.outcomes} == {Status.UNCHANGED}


def test_a_broken_link_does_not_stop_later_stages(run, site, tmp_path):
    """The run is Failed and names the link; every dataset and the report are made from the stored items."""
    ended = run(pipeline, **DEMO.settings(site, tmp_path))
    assert ended.state == "Failed"
    assert "9.5_week.csv: expected status 200, found 404 Not Found" in ended.message
    assert isinstance(ended.result, PipelineFailedError)
    reports = ended.result.reports
    assert reports["ingestion"].counts == {"stored": 7, "updated": 0, "unchanged": 0, "failed": 1}
    assert {outcome.kind for outcome in reports["processing"].outcomes} == {Status.STORED}
    assert {outcome.kind for outcome in reports["analysis"].outcomes} == {Status.STORED}


def test_the_next_good_run_takes_up_what_a_failed_one_stored(run, site, tmp_path):
    """All stages complete, and only what had failed is new."""
    run(pipeline, **DEMO.settings(site, tmp_path))
    site.routes |= DEMO.routes(with_failure=False)
    ended = run(pipeline, **DEMO.settings(site, tmp_path))
    assert ended.state == "Completed"
    assert ended.result["ingestion"].counts == {"stored": 0, "updated": 0, "unchanged": 7, "failed": 0}
    assert {outcome.kind for outcome in ended.result["processing"].outcomes} == {Status.UNCHANGED}


def test_what_failed_is_run_again(run, site, tmp_path):
    """One request for the page and one for the link that failed; one source by its name asks for that alone."""
    settings = DEMO.settings(site, tmp_path)
    run(pipeline, **settings)
    site.routes |= DEMO.routes(with_failure=True)
    site.asked.clear()
    ended = run(pipeline, **settings, failed=True)
    assert ended.state == "Failed"
    assert ended.result.reports["ingestion"].counts == {"stored": 0, "updated": 0, "unchanged": 0, "failed": 1}
    assert {asked.path.rpartition("/")[2] for asked in site.asked} == {"robots.txt", "csv.html", "9.5_week.csv"}
    ended = run(pipeline, **settings, sources=["noaa_daily_weather"])
    assert ended.state == "Completed"
    assert {outcome.source for outcome in ended.result["ingestion"].outcomes} == {"noaa_daily_weather"}
    assert [outcome.source for outcome in ended.result["processing"].outcomes] == ["noaa_daily_weather"]

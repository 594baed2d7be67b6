"""Ingestion, alone."""

from airnub_core import Status
from airnub_core.errors import HttpStatusError
from airnub_prefect.errors import StageFailedError
from project_alpha.demo import DEMO
from project_alpha.flows.ingestion import ingestion
from project_alpha.flows.ingestion.public_api_data import public_api_data

ITEMS = "project-alpha-ingestion-items"
SUMMARY = "project-alpha-ingestion-summary"


def test_everything_is_stored_and_shown(run, table, sound_site, tmp_path):
    """Two files, the records of an API and four links; a table of them and a summary are on the run's page."""
    ended = run(ingestion, settings=DEMO.settings(sound_site, tmp_path)["ingestion"])
    assert ended.state == "Completed"
    assert ended.result.counts == {"stored": 7, "updated": 0, "unchanged": 0, "failed": 0}
    rows = table(ended.artifacts[ITEMS])
    assert {row["source"] for row in rows} == {"noaa_daily_weather", "usgs_earthquakes", "usgs_earthquake_feeds"}
    assert all((tmp_path / "store" / row["path"]).is_file() for row in rows)
    assert "7 items: 7 stored, 0 updated, 0 unchanged, 0 failed" in ended.artifacts[SUMMARY]


def test_a_failed_item_fails_the_run_and_is_named(run, table, site, tmp_path):
    """The message counts and names it and says whether a retry may help; the table has every item, failures first."""
    ended = run(ingestion, settings=DEMO.settings(site, tmp_path)["ingestion"])
    dead = site.url("/earthquakes/feed/v1.0/summary/9.5_week.csv")
    assert ended.state == "Failed"
    assert "ingestion: 1 of 8 items failed, tolerated: none; a retry will not help" in ended.message
    assert f"usgs_earthquake_feeds: {dead}: expected status 200, found 404 Not Found" in ended.message
    assert isinstance(ended.result, StageFailedError)
    assert [outcome.error for outcome in ended.result.report.failed] == [HttpStatusError(dead, 404)]
    first, *others = table(ended.artifacts[ITEMS])
    assert (first["url"], first["outcome"], first["retry may help"]) == (dead, "failed", False)
    assert [row["outcome"] for row in others] == ["stored"] * 7
    assert f"- **usgs_earthquake_feeds**: {dead}" in ended.artifacts[SUMMARY]


def test_a_tolerated_failure_is_reported(run, table, site, tmp_path):
    """The run completes; its table and its report have the failure."""
    settings = DEMO.settings(site, tmp_path)["ingestion"].model_copy(update={"tolerated_failures": "13%"})
    ended = run(ingestion, settings=settings)
    assert ended.state == "Completed"
    assert ended.result.counts["failed"] == 1
    assert table(ended.artifacts[ITEMS])[0]["outcome"] == "failed"


def test_the_next_run_fetches_failed_items(run, site, sound_site, tmp_path):
    """Items that were stored are unchanged."""
    settings = DEMO.settings(site, tmp_path)["ingestion"]
    run(ingestion, settings=settings)
    path = "/earthquakes/feed/v1.0/summary/9.5_week.csv"
    site.routes[path] = sound_site.routes["/earthquakes/feed/v1.0/summary/4.5_week.csv"]
    ended = run(ingestion, settings=settings)
    assert ended.state == "Completed"
    assert ended.result.counts == {"stored": 1, "updated": 0, "unchanged": 7, "failed": 0}


def test_force_fetches_what_is_unchanged(run, sound_site, tmp_path):
    """Without validators; the bytes are the same, so nothing new is stored."""
    settings = DEMO.settings(sound_site, tmp_path)["ingestion"]
    run(ingestion, settings=settings)
    before = len(sound_site.asked)
    ended = run(ingestion, settings=settings, force=True)
    assert {outcome.kind for outcome in ended.result.outcomes} == {Status.UNCHANGED}
    assert not [asked for asked in sound_site.asked[before:] if "if-none-match" in asked.headers]


def test_a_category_runs_alone(run, sound_site, tmp_path):
    """It is a flow with the configuration of its sources."""
    ended = run(public_api_data, config=DEMO.settings(sound_site, tmp_path)["ingestion"].apis())
    assert ended.state == "Completed"
    assert [(outcome.source, outcome.kind) for outcome in ended.result.outcomes] == [
        ("usgs_earthquakes", Status.STORED)
    ]


def test_invalid_settings_fail_before_any_request(run, sound_site, tmp_path):
    """The misspelt key is named, as after a manual entry in the form of a deployment."""
    values = DEMO.settings(sound_site, tmp_path)["ingestion"].model_dump(mode="json")
    ended = run(ingestion, settings={**values, "stores": values["store"]})
    assert ended.state == "Failed"
    assert "stores" in ended.message
    assert sound_site.asked == []

"""The pipeline, and with it every stage, against a real Prefect server and a real site."""

import asyncio

import pytest

from airnub_core import Kind
from airnub_core.sample_site import SampleSite
from airnub_prefect.errors import StageFailedError
from project_alpha.demo import DEMO


def run(site, root, **options):
    """Run the pipeline on a site; its reports by stage."""
    from project_alpha.flows.pipeline import pipeline

    return asyncio.run(pipeline(**DEMO.settings(site, root), **options))


@pytest.fixture
def sound_site():
    """The sample site without a broken link."""
    with SampleSite(DEMO.routes(with_failure=False)) as running:
        yield running


def test_first_run_stores_and_second_finds_everything_unchanged(prefect_api, sound_site, tmp_path):
    """Every stage ends well, and a second run makes nothing new."""
    first = run(sound_site, tmp_path)
    assert [stage for stage, report in first.items() if report.failed] == []
    assert {outcome.kind for report in first.values() for outcome in report.outcomes} == {Kind.STORED}
    assert {outcome.source: outcome.rows for outcome in first["processing"].outcomes} == {
        "noaa_daily_weather": 2922,
        "usgs_earthquakes": 1707,
        "usgs_earthquake_feeds": 996,
    }
    second = run(sound_site, tmp_path)
    assert {outcome.kind for report in second.values() for outcome in report.outcomes} == {Kind.UNCHANGED}


def test_a_failed_item_fails_the_run_and_is_named(prefect_api, site, tmp_path):
    """A broken link ends the ingestion Failed; its message names the link, and the others are stored."""
    with pytest.raises(StageFailedError, match=r"(?s)9\.5_week\.csv: .*404 Not Found") as failed:
        run(site, tmp_path)
    assert failed.value.report.counts == {"stored": 7, "updated": 0, "unchanged": 0, "failed": 1}

"""The demo's site, requested over HTTP as the flows do."""

import json
import re
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import urlopen

import pytest

from project_alpha.demo import API, DEMO, FOLDER, PAGE
from project_alpha.department import DEPARTMENT

FEEDS = "/earthquakes/feed/v1.0/summary"


def get(url):
    with urlopen(url) as answer:
        return answer.read()


def links_of(site):
    """Absolute URLs of the links on the page."""
    page = site.url(PAGE)
    return [urljoin(page, link) for link in re.findall(r'href="([^"]+)"', get(page).decode())]


def shipped(folder, below):
    return {f"{below}/{path.name}": path.read_bytes() for path in (FOLDER / folder).glob("*.csv")}


def test_files_are_served_byte_for_byte(sound_site):
    """The demo fetches every file that the package contains, and no other."""
    files = shipped("weather", "/weather") | shipped("feeds", FEEDS)
    assert {path: get(sound_site.url(path)) for path in files} == files
    assert set(sound_site.routes) == {*files, API, PAGE}


@pytest.mark.parametrize("limit", [500, 1000, 1707])
def test_the_pages_of_the_api_are_all_records(sound_site, limit):
    """Each record once, in order; the page after the last one is empty."""
    records, pages = [], 0
    while True:
        query = urlencode({"format": "geojson", "offset": 1 + pages * limit, "limit": limit})
        page = json.loads(get(f"{sound_site.url(API)}?{query}"))["features"]
        if not page:
            break
        records += page
        pages += 1
    assert records == json.loads((FOLDER / "earthquakes.json").read_bytes())
    assert pages == -(-1707 // limit)


def test_the_page_links_to_every_feed(sound_site):
    """It has no other links."""
    assert links_of(sound_site) == sorted(sound_site.url(path) for path in shipped("feeds", FEEDS))


def test_a_failure_is_exactly_one_dead_link(site, sound_site):
    """Everything else is the same."""
    assert set(site.routes) == set(sound_site.routes)
    [dead] = {link.removeprefix(site.url("")) for link in links_of(site)} - {
        link.removeprefix(sound_site.url("")) for link in links_of(sound_site)
    }
    with pytest.raises(HTTPError, match="404") as error:
        get(site.url(dead))
    error.value.close()
    assert all(get(link) for link in links_of(site) if not link.endswith(dead))


def test_settings_point_every_stage_at_the_site(site, tmp_path):
    """All outputs are below the root, and each stage reads the output of the one before."""
    settings = DEMO.settings(site, tmp_path)
    assert {stage.name: stage.load_settings() for stage in DEPARTMENT.stages} == {
        name: type(value) for name, value in settings.items()
    }
    ingestion, processing, analysis = settings.values()
    assert ingestion.store == processing.store
    assert processing.datasets == analysis.datasets
    folders = {ingestion.store, processing.datasets, analysis.reports}
    assert {str(tmp_path / name) for name in ("store", "datasets", "reports")} == folders
    assert ingestion.secrets() == []
    [files], [api], [page] = (part().sources for part in (ingestion.files, ingestion.apis, ingestion.pages))
    assert {url.removeprefix(site.url("")) for url in (*files.urls, api.url, page.page)} <= set(site.routes)

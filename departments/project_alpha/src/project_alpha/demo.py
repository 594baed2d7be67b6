"""The demo: real rows of NOAA and the USGS, served on loopback at the paths of their own sites."""

import json
from collections.abc import Mapping
from pathlib import Path

from airnub_core import ApiSource, FileSource, NetworkSettings, OffsetPages, PageSource
from airnub_core.sample_site import Reply, Route, SampleSite, paged
from airnub_prefect.settings import StageSettings
from project_alpha.settings import AnalysisSettings, IngestionSettings, ProcessingSettings

FOLDER = Path(__file__).parent / "sample_site"
API = "/fdsnws/event/1/query"
PAGE = "/earthquakes/feed/v1.0/csv.html"

_CSV = {"Content-Type": "text/csv"}
_BROKEN = "summary/9.5_week.csv"


class SampleData:
    """A `Demo`: the sample site of project_alpha, and the settings that point every stage at it."""

    def routes(self, *, with_failure: bool) -> Mapping[str, Route]:
        """Two files, an API that is read in pages, and a page with links; with a failure, one link is broken."""
        feeds = sorted((FOLDER / "feeds").glob("*.csv"))
        earthquakes: list[object] = json.loads((FOLDER / "earthquakes.json").read_bytes())
        links = [f"summary/{path.name}" for path in feeds] + [_BROKEN] * with_failure
        files = {f"/weather/{path.name}": path for path in sorted((FOLDER / "weather").glob("*.csv"))}
        files |= {f"/earthquakes/feed/v1.0/summary/{path.name}": path for path in feeds}
        return {
            PAGE: Reply(_page(links), headers={"Content-Type": "text/html; charset=utf-8"}),
            API: paged(earthquakes, lambda page: json.dumps({"features": page}).encode()),
            **{path: Reply(file.read_bytes(), headers=_CSV) for path, file in files.items()},
        }

    def settings(self, site: SampleSite, root: Path) -> Mapping[str, StageSettings]:
        """The parameters of the pipeline; store, datasets and reports lie below `root`."""
        store, datasets, reports = (str(root / name) for name in ("store", "datasets", "reports"))
        return {
            "ingestion": IngestionSettings(
                store=store,
                network=NetworkSettings(allow_private_hosts=True),
                scheduled_file_downloads=[
                    FileSource(
                        name="noaa_daily_weather",
                        urls=[site.url("/weather/new_york.csv"), site.url("/weather/seattle.csv")],
                    )
                ],
                public_api_data=[
                    ApiSource(
                        name="usgs_earthquakes",
                        url=site.url(API),
                        params={"format": "geojson"},
                        records="features",
                        pages=OffsetPages(kind="offset", start=1, limit=500),
                    )
                ],
                web_page_link_scraping=[
                    PageSource(name="usgs_earthquake_feeds", page=site.url(PAGE), links="a[href$='.csv']")
                ],
            ),
            "processing": ProcessingSettings(store=store, datasets=datasets),
            "analysis": AnalysisSettings(datasets=datasets, reports=reports),
        }


DEMO = SampleData()


def _page(links: list[str]) -> bytes:
    items = "\n".join(f'<li><a href="{link}">{Path(link).stem.replace("_", ", past ")}</a></li>' for link in links)
    return f"<!doctype html>\n<title>Earthquakes</title>\n<ul>\n{items}\n</ul>\n".encode()

"""The demo: real rows as a file, as an API and as a link on a page, served on loopback."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from airnub_core import ApiSource, FileSource, NetworkSettings, PageSource
from airnub_core.sample_site import Reply, Route, SampleSite
from airnub_prefect.settings import StageSettings
from department_template.settings import AnalysisSettings, IngestionSettings, ProcessingSettings

FILE = Path(__file__).parent / "sample_site" / "measurements.csv"
# Paths begin with the department's name: `airnub dev` serves the sites of all departments as one.
_API = "/department-template/api/rows"
_PAGE = "/department-template/page.html"
_PATH = "/department-template/measurements.csv"
_GONE = "/department-template/gone.csv"
# What `demo --with-failure` breaks: the last of these that the department has.
_BROKEN = {
    "public_api_data": _API,
    "scheduled_file_downloads": _PATH,
    "web_page_link_scraping": _GONE,
}


class SampleData:
    """A `Demo`: the sample site of department_template, and the settings that point every stage at it."""

    def routes(self, *, with_failure: bool) -> Mapping[str, Route]:
        """The same rows as API, page and file; with a failure, one URL gets the status 410."""
        rows = FILE.read_bytes()
        broken = list(_BROKEN.values())[-1:] if with_failure else []
        lines = [line.split(",") for line in rows.decode().splitlines()]
        records = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
        return {
            _API: Reply(json.dumps({"records": records}).encode()),
            _PAGE: Reply(_page(dict.fromkeys([_PATH, *broken]))),
            _PATH: Reply(rows, headers={"Content-Type": "text/csv"}),
            **dict.fromkeys(broken, Reply(status=410)),
        }

    def settings(self, site: SampleSite, root: Path) -> Mapping[str, StageSettings]:
        """The parameters of the pipeline; store, datasets and reports lie below `root`."""
        return {
            "ingestion": IngestionSettings(
                store=str(root / "store"),
                network=NetworkSettings(allow_private_hosts=True),
                public_api_data=[ApiSource(name="records", url=site.url(_API), records="records")],
                scheduled_file_downloads=[FileSource(name="measurements", urls=[site.url(_PATH)])],
                web_page_link_scraping=[PageSource(name="links", page=site.url(_PAGE), links="a[href$='.csv']")],
            ),
            "processing": ProcessingSettings(store=str(root / "store"), datasets=str(root / "datasets")),
            "analysis": AnalysisSettings(datasets=str(root / "datasets"), reports=str(root / "reports")),
        }


DEMO = SampleData()


def _page(links: Iterable[str]) -> bytes:
    items = "\n".join(f'<li><a href="{link}">{Path(link).name}</a></li>' for link in links)
    return f"<!doctype html>\n<title>Rows</title>\n<ul>\n{items}\n</ul>\n".encode()

"""Its demo: a file, an API that requires authentication, and a page."""

from collections.abc import Mapping
from pathlib import Path

from airnub_core import ApiSource, Auth, FileSource, NetworkSettings, PageSource
from airnub_core.sample_site import Asked, Reply, Route, SampleSite
from airnub_prefect.settings import StageSettings
from department_for_tests.settings import CountingSettings, IngestionSettings

TOKEN = "secret/demo-token"


class Demo:
    """A sample site, and the settings that point both stages at it."""

    def routes(self, *, with_failure: bool) -> Mapping[str, Route]:
        """With a failure, the page names a file that is not there."""
        links = "".join(f'<a href="{name}">x</a>' for name in ["b.csv"] + ["gone.csv"] * with_failure)
        return {
            "/a.csv": Reply(b"a\n1\n"),
            "/b.csv": Reply(b"b\n1\n"),
            "/page.html": Reply(links.encode(), headers={"Content-Type": "text/html"}),
            "/api": _api,
        }

    def settings(self, site: SampleSite, root: Path) -> Mapping[str, StageSettings]:
        """150 tasks, more than Prefect records by the time that they have ended."""
        return {
            "ingestion": IngestionSettings(
                store=str(root / "store"),
                network=NetworkSettings(allow_private_hosts=True, attempts=1),
                files=[FileSource(name="file", urls=[site.url("/a.csv")])],
                apis=[ApiSource(name="api", url=site.url("/api"), records="rows", auth=Auth(block=TOKEN))],
                pages=[PageSource(name="page", page=site.url("/page.html"), links="a")],
            ),
            "counting": CountingSettings(tasks=150),
        }


def _api(asked: Asked) -> Reply:
    known = asked.headers.get("authorization") == "hunter2-the-token"
    return Reply(b'{"rows": [{"n": 1}]}') if known else Reply(b"authentication required", status=403)


DEMO = Demo()

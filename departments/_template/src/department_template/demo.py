"""The demo: a file of real rows, served on loopback."""

from collections.abc import Mapping
from pathlib import Path

from airnub_core import FileSource, NetworkSettings
from airnub_core.sample_site import Reply, Route, SampleSite
from airnub_prefect.settings import StageSettings
from department_template.settings import AnalysisSettings, IngestionSettings, ProcessingSettings

FILE = Path(__file__).parent / "sample_site" / "measurements.csv"


class SampleData:
    """A `Demo`: the sample site of department_template, and the settings that point every stage at it."""

    def routes(self, *, with_failure: bool) -> Mapping[str, Route]:
        """One file; with a failure, the server says that it is gone."""
        sound = Reply(FILE.read_bytes(), headers={"Content-Type": "text/csv"})
        return {"/measurements.csv": Reply(status=410) if with_failure else sound}

    def settings(self, site: SampleSite, root: Path) -> Mapping[str, StageSettings]:
        """The parameters of the pipeline; store, datasets and reports lie below `root`."""
        store, datasets, reports = (str(root / name) for name in ("store", "datasets", "reports"))
        return {
            "ingestion": IngestionSettings(
                store=store,
                network=NetworkSettings(allow_private_hosts=True),
                scheduled_file_downloads=[FileSource(name="measurements", urls=[site.url("/measurements.csv")])],
            ),
            "processing": ProcessingSettings(store=store, datasets=datasets),
            "analysis": AnalysisSettings(datasets=datasets, reports=reports),
        }


DEMO = SampleData()

"""The housekeeping, alone."""

import asyncio

from prefect.variables import Variable

from project_alpha.demo import DEMO
from project_alpha.flows.housekeeping import housekeeping
from project_alpha.settings import IngestionSettings, ProcessingSettings


def test_sizes_are_published(prefect_api, site, tmp_path, monkeypatch):
    """Of what its settings name, also before there is anything."""
    settings = DEMO.settings(site, tmp_path)
    for kind in (IngestionSettings, ProcessingSettings):
        monkeypatch.setattr(
            kind, "variable", classmethod(lambda _kind, stage=kind.stage: f"housekeeping_{stage}_project_alpha")
        )
        Variable.set(kind.variable(), settings[kind.stage].model_dump(mode="json"), overwrite=True)
    try:
        asyncio.run(housekeeping(dry_run=True))
    finally:
        for kind in (IngestionSettings, ProcessingSettings):
            Variable.unset(kind.variable())

"""The housekeeping flow."""

import asyncio

from prefect.variables import Variable

from department_template.flows.housekeeping import housekeeping
from department_template.settings import IngestionSettings, ProcessingSettings


def test_sizes_are_reported(prefect_api, tmp_path, monkeypatch):
    """For every place in the settings, also before anything exists."""
    store, datasets = str(tmp_path / "store"), str(tmp_path / "datasets")
    settings = [
        IngestionSettings(store=store),
        ProcessingSettings(store=store, datasets=datasets),
    ]
    for one in settings:
        # Other tests have Variables of the department on this server.
        name = f"{one.variable()}_of_housekeeping"
        monkeypatch.setattr(type(one), "variable", classmethod(lambda _kind, name=name: name))
        Variable.set(name, one.model_dump(mode="json"), overwrite=True)
    try:
        asyncio.run(housekeeping(dry_run=True))
    finally:
        for one in settings:
            Variable.unset(one.variable())

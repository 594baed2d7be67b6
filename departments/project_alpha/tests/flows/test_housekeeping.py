"""The housekeeping flow."""

import asyncio

from prefect.variables import Variable

from project_alpha.demo import DEMO
from project_alpha.department import DEPARTMENT
from project_alpha.flows.housekeeping import housekeeping


def test_sizes_are_reported(prefect_api, site, tmp_path, monkeypatch):
    """For every place in the settings, also before anything exists."""
    settings = DEMO.settings(site, tmp_path)
    kinds = [stage.load_settings() for stage in DEPARTMENT.stages]
    for kind in kinds:
        # Other tests have Variables of the department on this server.
        name = f"{kind.variable()}_of_housekeeping"
        monkeypatch.setattr(kind, "variable", classmethod(lambda _kind, name=name: name))
        Variable.set(name, settings[kind.stage].model_dump(mode="json"), overwrite=True)
    try:
        asyncio.run(housekeeping(dry_run=True))
    finally:
        for kind in kinds:
            Variable.unset(kind.variable())

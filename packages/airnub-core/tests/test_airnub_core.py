"""The package: what may be used from outside, and what it needs."""

import subprocess
import sys

import airnub_core

ALONE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"prefect", "polars", "airnub_prefect", "airnub_cli"}:
            raise ImportError(f"{name} is not for the engine")

sys.meta_path.insert(0, Refuse())
import pkgutil, importlib
import airnub_core
for module in pkgutil.walk_packages(airnub_core.__path__, "airnub_core."):
    # These two are what the extra `tables` is for.
    if module.name not in {"airnub_core.tables", "airnub_core.datasets"}:
        importlib.import_module(module.name)
"""


def test_the_public_names():
    """Few, sorted, and all there."""
    assert sorted(airnub_core.__all__) == airnub_core.__all__
    assert all(hasattr(airnub_core, name) for name in airnub_core.__all__)


def test_the_engine_stands_alone():
    """Every module can be imported without Prefect and without polars."""
    subprocess.run([sys.executable, "-W", "error", "-c", ALONE], check=True)

"""The package: what may be used from outside, and what it needs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import airnub_core

ALONE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"prefect", "polars", "airnub_data", "airnub_prefect", "airnub_cli"}:
            raise ImportError(f"{name} is not for the engine")

sys.meta_path.insert(0, Refuse())
import pkgutil, importlib
import airnub_core
for module in pkgutil.walk_packages(airnub_core.__path__, "airnub_core."):
    importlib.import_module(module.name)
"""


def test_the_public_names():
    """Few, sorted, and all there."""
    assert sorted(airnub_core.__all__) == airnub_core.__all__
    assert all(hasattr(airnub_core, name) for name in airnub_core.__all__)


def test_the_public_names_have_one_home():
    """What a type checker is told is what is imported."""
    tree = ast.parse(Path(airnub_core.__file__).read_text())
    [checked] = [node for node in tree.body if isinstance(node, ast.If)]
    told = {name.name: one.module for one in checked.body for name in one.names}
    assert told == airnub_core._HOMES
    assert sorted(told) == airnub_core.__all__
    assert set(airnub_core.__all__) <= set(dir(airnub_core))


def test_a_name_that_is_not_there():
    """It is told as Python does, so that `hasattr` and misspelt imports work as ever."""
    with pytest.raises(AttributeError, match="module 'airnub_core' has no attribute 'ingest_file'"):
        _ = airnub_core.ingest_file


@pytest.mark.parametrize("module", ["airnub_common", "airnub_core.errors"])
def test_what_is_light(module):
    """Processes that only transfer files import these, and start at once."""
    code = f"import sys, {module}; print(*sorted({{'pydantic', 'httpx', 'selectolax'}} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.split() == []


def test_the_engine_stands_alone():
    """Every module can be imported without Prefect and without polars."""
    subprocess.run([sys.executable, "-W", "error", "-c", ALONE], check=True)

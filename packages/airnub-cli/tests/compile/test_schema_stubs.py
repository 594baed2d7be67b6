"""Schemas: left out where they can always be made, in a process of its own."""

import subprocess
import sys

CODE = """
from airnub_cli.compile.schema_stubs import without_schemas
from airnub_prefect.settings import StageSettings
from prefect import flow
from typing import Annotated, Any
import threading

def left_out(function):
    return not flow(function).parameters.properties

class Settings(StageSettings, department="d", stage="s"):
    days: int = 1

def simple(settings: Settings | None = None, force: bool = False, day: str = "monday"): ...
def odd(lock: threading.Lock = None): ...
def unknown(thing: "Nowhere"): ...
def bare(thing): ...

assert not left_out(simple)
without_schemas()
assert left_out(simple)
assert flow(simple).name == "simple"
for one in (odd, unknown, bare):
    try:
        assert not left_out(one)
    except NameError:
        pass  # what Prefect says of it
"""


def test_what_is_left_out():
    """Of plain types and models, for which a schema can be made; of all others it is made, as Prefect makes it."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

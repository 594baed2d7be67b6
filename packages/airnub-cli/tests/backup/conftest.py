"""The state folder of an `airnub dev` with a database and a store, without its processes."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from airnub_cli.backup.systems import DevSystem
from airnub_cli.dev.state import StateFolder

sys.path.insert(0, str(Path(__file__).parents[1] / "importable"))
from backup_system import fill


@pytest.fixture
def state(tmp_path):
    """A system with a run in its database, two objects in a store, and files that are not backed up."""
    found = StateFolder(tmp_path / "dev")
    found.home.mkdir(parents=True)
    with closing(sqlite3.connect(found.home / "prefect.db")) as database, database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE flow_run (name TEXT)")
        database.execute("INSERT INTO flow_run VALUES ('umber-toucan')")
    (found.home / "leases.json").write_text("{}")
    store = found.folder / "data" / "shop"
    fill(store, {"a": b"one", "b": b"two"})
    (store / ".airnub" / "staging" / "of-a-process").mkdir(parents=True)
    (store / ".airnub" / "staging" / "of-a-process" / "body").write_bytes(b"half")
    (store / "datasets" / ".stage").mkdir(parents=True)
    (store / "datasets" / ".stage" / "rows").write_bytes(b"cache")
    (found.folder / "reports").mkdir()
    (found.folder / "reports" / "report.md").write_text("It rains.")
    return found


@pytest.fixture
def system(state):
    return DevSystem(state)


@pytest.fixture
def empty(tmp_path):
    """An empty system."""
    return StateFolder(tmp_path / "elsewhere")

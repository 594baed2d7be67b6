"""The embedded server's database."""

import re
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from airnub_prefect.embedded import database
from airnub_prefect.embedded.database import FILE, prepare, snapshot, snapshot_path


@pytest.fixture
def migrate(environment):
    """Let Prefect itself bring the database of a home up to date."""

    def run(home):
        subprocess.run(
            [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"],
            env=environment | {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
            capture_output=True,
            check=True,
        )

    return run


def description(home):
    """All that a database consists of; of a statement neither spaces nor the order of its parts matter."""
    with closing(sqlite3.connect(home / FILE)) as connection:

        def rows(sql):
            return sorted(re.sub(r"\\n|\s+", "", repr(row)) for row in connection.execute(sql))

        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        statements = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        return {
            "statements": {name: sorted(re.findall(r"\w+|\S", sql)) for name, sql in statements},
            "columns": {table: rows(f"PRAGMA table_xinfo('{table}')") for table in tables},
            "indexes": {
                table: sorted(row[1:] for row in connection.execute(f"PRAGMA index_list('{table}')"))
                for table in tables
            },
            "foreign keys": {
                table: sorted(repr(row[2:]) for row in connection.execute(f"PRAGMA foreign_key_list('{table}')"))
                for table in tables
            },
            "revision": rows("SELECT * FROM alembic_version"),
            "journal": rows("PRAGMA journal_mode"),
        }


def names(home):
    """The files of a home, but for those that SQLite keeps beside a database."""
    return {path.name for path in home.iterdir()} - {f"{FILE}-wal", f"{FILE}-shm"}


def content(home):
    """The bytes of a database, once its journal has been put away."""
    with closing(sqlite3.connect(home / FILE)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return [line for line in connection.iterdump() if not line.startswith("PRAGMA")]


@pytest.mark.system
def test_the_snapshot_is_what_prefect_migrates_to(migrate, tmp_path):
    """Tables, columns, indexes and foreign keys are Prefect's own; and Prefect finds nothing to migrate in ours."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    assert prepare(ours)
    theirs.mkdir()
    migrate(theirs)
    assert description(ours) == description(theirs)
    assert snapshot(ours).splitlines()[-1] == snapshot(theirs).splitlines()[-1]
    before = content(ours)
    migrate(ours)
    assert content(ours) == before
    assert prepare(theirs)


def test_the_snapshot_makes_itself(tmp_path):
    """A database made from the snapshot gives the snapshot again."""
    assert prepare(tmp_path)
    assert snapshot(tmp_path) == snapshot_path().read_text(encoding="utf-8")


def test_a_database_that_is_there_is_kept(tmp_path):
    """Preparing it again says that there is nothing to migrate, and changes nothing."""
    prepare(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("INSERT INTO variable (name, tags) VALUES ('kept', '[]')")
    assert prepare(tmp_path)
    assert any("'kept'" in line for line in content(tmp_path))
    assert names(tmp_path) == {FILE}


def test_another_revision_is_for_prefect_to_migrate(tmp_path):
    """A database of another version of Prefect is left alone."""
    prepare(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'older'")
    assert not prepare(tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("DELETE FROM alembic_version")
    assert not prepare(tmp_path)


def test_another_version_of_prefect_migrates_by_itself(monkeypatch, tmp_path):
    """Without a snapshot for the installed version nothing is made."""
    monkeypatch.setattr(database, "version", lambda _package: "3.99.0")
    assert not prepare(tmp_path)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("harm", ["garbage", "a folder", "no database"])
def test_what_is_in_the_way_is_left_to_prefect(tmp_path, harm):
    """It says what is wrong; nothing is overwritten."""
    path = tmp_path / FILE
    if harm == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"garbage" * 1000 if harm == "garbage" else b"")
    assert not prepare(tmp_path)
    assert path.is_dir() or path.stat().st_size in {0, 7000}


def test_a_home_that_cannot_be_made(tmp_path):
    """It is left to Prefect, too."""
    (tmp_path / "home").write_text("in the way")
    assert not prepare(tmp_path / "home")


def test_a_relative_home(monkeypatch, tmp_path):
    """It is below the current folder, as for Prefect."""
    monkeypatch.chdir(tmp_path)
    assert prepare(Path("a home?#%"))
    assert (tmp_path / "a home?#%" / FILE).is_file()


def test_many_at_once(tmp_path):
    """Commands that start at the same time share the first one's database, and leave nothing else."""
    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(lambda _: _prepare_in_process(tmp_path), range(4)))
    assert names(tmp_path) == {FILE}


PREPARE = """
import sys
from pathlib import Path
from airnub_prefect.embedded.database import prepare

sys.exit(not prepare(Path(sys.argv[1])))
"""


def _prepare_in_process(home):
    return subprocess.run([sys.executable, "-c", PREPARE, home], check=False).returncode == 0

"""Backups of a system with runs in flight, and the next backup, which copies only new content."""

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import backup_system
import pytest
from backup_system import fill

from airnub_cli.backup.copying import copy_system
from airnub_cli.backup.vault import BackupError, FolderVault, load_manifest
from airnub_core.errors import StoreError


@pytest.fixture
def vault(tmp_path):
    return FolderVault(tmp_path / "vault")


def test_a_backup_has_the_database_the_store_and_its_index(system, vault):
    """Neither caches nor files of running processes."""
    done = copy_system(system, vault)
    manifest = load_manifest(vault, done.name)
    assert [one.name for one in manifest.databases] == ["prefect.db"]
    paths = {one.path for one in manifest.files}
    assert {"data/shop/.airnub/index.sqlite", "reports/report.md"} < paths
    assert sum(path.endswith(".csv") for path in paths) == sum(path.endswith(".manifest.json") for path in paths) == 2
    assert not [path for path in paths if "staging" in path or ".stage" in path or path.startswith("prefect/")]
    assert manifest.versions.postgresql is None


def test_the_next_backup_copies_what_is_new(system, vault, state):
    """The vault has the old object; only the index and the new object with its manifest are copied."""
    copy_system(system, vault)
    fill(state.folder / "data" / "shop", {"c": b"three"})
    again = copy_system(system, vault)
    assert again.files == 3
    assert len(vault.names()) == 2
    assert copy_system(system, vault).files == 0


def test_a_rewritten_file_is_copied_again(system, vault, state):
    """Even if its size is the same, since its time differs."""
    copy_system(system, vault)
    report = state.folder / "reports" / "report.md"
    report.write_text("It rained")
    os.utime(report, (time.time() + 5, time.time() + 5))
    assert copy_system(system, vault).files == 1


def test_only_its_owner_can_read_a_backup(system, vault):
    """It contains the secrets of blocks."""
    copy_system(system, vault)
    assert vault.root.stat().st_mode & 0o077 == 0
    assert {path.stat().st_mode & 0o077 for path in vault.root.rglob("*") if path.is_file()} == {0}


def test_a_failed_backup_does_not_count(system, vault, monkeypatch):
    """The next one reuses its contents."""
    monkeypatch.setattr(vault, "publish", lambda *_: (_ for _ in ()).throw(StoreError("vault", "of the test")))
    with pytest.raises(StoreError):
        copy_system(system, vault)
    monkeypatch.undo()
    assert vault.names() == []
    assert copy_system(system, vault).files == 0


def test_only_the_newest_are_kept(system, vault, state):
    """With their contents; contents younger than a day are kept for running backups."""
    first = copy_system(system, vault)
    (state.folder / "reports" / "report.md").unlink()
    then = time.time() - 2 * 24 * 3600
    for path in vault.root.glob("objects/??/*"):
        os.utime(path, (then, then))
    second = copy_system(system, vault, keep=1)
    assert second.forgotten == [first.name]
    assert vault.names() == [second.name]
    manifest = load_manifest(vault, second.name)
    assert vault.contents() == {one.digits for one in (*manifest.databases, *manifest.files)}


def test_two_backups_at_once(system, vault):
    """The second is refused with the reason."""
    with vault.alone(), pytest.raises(StoreError, match="expected no other backup into this folder"):
        copy_system(system, vault)


def test_without_a_database_there_is_nothing_to_back_up(system, vault, state):
    """The error names the missing database."""
    (state.home / "prefect.db").unlink()
    with pytest.raises(BackupError, match="expected the database of `airnub dev`"):
        copy_system(system, vault)


def test_postgresql_of_dev_is_not_copied(system, vault, state):
    """The error names the cluster, and how to run with SQLite."""
    (state.home / "postgresql-15").mkdir()
    with pytest.raises(BackupError, match=r"found PostgreSQL in .*postgresql-15.*airnub dev --sqlite"):
        copy_system(system, vault)


def test_a_full_disk(vault, state, tmp_path):
    """The error has the folder and the reason; there is no backup, and the next one reuses the contents."""
    fill(state.folder / "data" / "shop", {"large": os.urandom(300_000)})
    backup = [sys.executable, "-m", "airnub_cli", "backup", str(vault.root), "--state", str(state.folder)]
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    limited = ["bash", "-c", 'ulimit -f 200; exec "$@"', "bash", *backup]
    done = subprocess.run(limited, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{vault.root}: File too large; correct that and run the backup again" in done.stderr
    assert "Traceback" not in done.stderr
    assert vault.names() == []
    assert vault.contents()
    assert not list(vault.root.glob(".copying-*"))


def test_a_folder_that_cannot_be_written(system, vault, tmp_path):
    """The error names it."""
    vault.scratch = tmp_path / "nowhere"
    with pytest.raises(BackupError, match=r"nowhere/\.copying-\w+: No such file or directory; correct that"):
        copy_system(system, vault)


WRITER = """
import sys; sys.path.insert(0, sys.argv[2])
import time
from pathlib import Path
from backup_system import fill
number = 0
while True:
    number += 1
    fill(Path(sys.argv[1]), {f"{number}-{one}": f"{number}-{one}".encode() for one in range(20)})
    print(number, flush=True)
    time.sleep(0.05)
"""


def test_what_an_index_names_is_in_the_backup_while_a_run_writes(system, vault, state, tmp_path):
    """The index is copied before the objects, so the backup has each object in it."""
    store = state.folder / "data" / "shop"
    command = [sys.executable, "-c", WRITER, str(store), str(Path(backup_system.__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        try:
            writer.stdout.readline()
            manifests = [load_manifest(vault, copy_system(system, vault).name) for _ in range(3)]
        finally:
            writer.kill()
    for number, manifest in enumerate(manifests):
        files = {one.path: one.digits for one in manifest.files}
        index = tmp_path / f"index-{number}"
        index.write_bytes(b"".join(vault.pieces(files["data/shop/.airnub/index.sqlite"])))
        database = sqlite3.connect(index)
        rows = database.execute("SELECT path, manifest, digest FROM known").fetchall()
        database.close()
        assert len(rows) >= 22
        for path, of, digest in rows:
            assert files[f"data/shop/{path}"] == digest.partition(":")[2]
            assert f"data/shop/{of}" in files

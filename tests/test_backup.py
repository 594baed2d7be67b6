"""Backups of departments' data: datasets while runs commit to them, and a vault in a bucket."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from backup_system import fill, runs

from airnub_cli.backup.copying import copy_system
from airnub_cli.backup.restore import chosen, restore_system
from airnub_cli.backup.systems import DevSystem
from airnub_cli.backup.vault import BucketVault, FolderVault, load_manifest, open_vault
from airnub_cli.dev.state import StateFolder
from airnub_core.errors import StoreError
from airnub_core.store.bucket import Bucket
from airnub_data import Column, Csv, Dataset, Location, make_dataset
from airnub_data.table import Table

SHOP = Dataset(
    name="orders", source="shop", reader=Csv(), columns={"id": Column(pl.Int64), "price": Column(pl.Int64)}, key=("id",)
)
LOOP = """
import sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from backup_system import fill
from test_backup import Location, SHOP, make_dataset
folder, number = Path(sys.argv[1]), 0
while True:
    number += 1
    fill(folder / "shop", {f"of-{number}": f"id,price\\n{number},1\\n".encode()})
    make_dataset(SHOP, folder / "shop", Location(folder / "datasets"))
    print(number, flush=True)
"""


@pytest.fixture
def state(tmp_path):
    """An `airnub dev` with a run in its database and a dataset of one version."""
    found = StateFolder(tmp_path / "dev")
    found.home.mkdir(parents=True)
    with closing(sqlite3.connect(found.home / "prefect.db")) as database, database:
        database.execute("CREATE TABLE flow_run (name TEXT)")
        database.execute("INSERT INTO flow_run VALUES ('umber-toucan')")
    fill(found.folder / "shop", {"a": b"id,price\n0,1\n"})
    make_dataset(SHOP, found.folder / "shop", Location(found.folder / "datasets"))
    return found


@pytest.fixture
def bucket_vault(s3):
    """A vault in an empty bucket."""
    return BucketVault(Bucket(s3.bucket()))


@pytest.mark.system
def test_a_dataset_is_whole_in_every_backup_while_a_run_commits_to_it(state, tmp_path):
    """Each file of its newest version is in the backup, and its index has each object that the version was made of."""
    vault, names = FolderVault(tmp_path / "vault"), []
    paths = [str(Path(__file__).parent), *(one for one in sys.path if one.endswith("importable"))]
    command = [sys.executable, "-c", LOOP, str(state.folder), *paths]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        try:
            writer.stdout.readline()
            for _ in range(3):
                names.append(copy_system(DevSystem(state), vault).name)
                writer.stdout.readline()
        finally:
            writer.kill()
    versions = []
    for number, name in enumerate(names):
        restored = StateFolder(tmp_path / f"restored-{number}")
        done = restore_system(DevSystem(restored), vault, name)
        assert done.integrity.damaged == []
        [table] = done.integrity.tables
        versions.append(table.version)
        location = Location(restored.folder / "datasets")
        ids = set(Table.open(location, "orders").scan().collect()["id"])
        make_dataset(SHOP, restored.folder / "shop", location)
        # The index has all objects of the dataset, so the next run withdraws none of its rows.
        assert set(Table.open(location, "orders").scan().collect()["id"]) >= ids
    assert versions == sorted(set(versions))


def test_a_bucket_is_a_vault_like_a_folder(state, bucket_vault, tmp_path):
    """Contents are stored once, the newest backups are kept, and a system is restored from it."""
    first = copy_system(DevSystem(state), bucket_vault)
    second = copy_system(DevSystem(state), bucket_vault, keep=1)
    assert (second.files, second.forgotten) == (0, [first.name])
    manifest = load_manifest(bucket_vault, second.name)
    assert bucket_vault.contents() == {one.digits for one in (*manifest.databases, *manifest.files)}
    restored = StateFolder(tmp_path / "restored")
    done = restore_system(DevSystem(restored), bucket_vault, chosen(bucket_vault, None))
    assert done.integrity.damaged == []
    assert runs(restored) == ["umber-toucan"]
    table = Table.open(Location(restored.folder / "datasets"), "orders")
    assert table.scan().collect().height == 1


def test_a_content_that_a_bucket_has_lost_is_named(state, bucket_vault, tmp_path):
    """So is one that it never had."""
    name = copy_system(DevSystem(state), bucket_vault).name
    gone = load_manifest(bucket_vault, name).databases[0].digits
    bucket_vault.remove(gone)
    with pytest.raises(StoreError, match=f"expected the content {gone}"):
        restore_system(DevSystem(StateFolder(tmp_path / "restored")), bucket_vault, name)
    bucket_vault.forget(name)
    with pytest.raises(StoreError, match=f"expected the backup {name}, found none"):
        load_manifest(bucket_vault, name)


def test_a_bucket_is_opened_by_its_url(s3, monkeypatch):
    """With the credentials of the environment."""
    address = s3.bucket()
    for name in ("access_key_id", "secret_access_key", "region"):
        monkeypatch.setenv(f"AWS_{name.upper()}", address.options[name])
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    vault = open_vault(address.url)
    vault.publish("one", json.dumps({}).encode())
    assert vault.names() == ["one"]
    with pytest.raises(StoreError, match="expected a manifest"):
        load_manifest(vault, "one")

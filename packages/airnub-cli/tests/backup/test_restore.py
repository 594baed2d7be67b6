"""Restores into an empty system, or in place of existing data."""

import os
import stat

import pytest
from backup_system import fill, runs

from airnub_cli.backup.copying import copy_system
from airnub_cli.backup.restore import chosen, restore_system
from airnub_cli.backup.systems import DevSystem
from airnub_cli.backup.vault import BackupError, FolderVault
from airnub_cli.dev.state import held
from airnub_core.errors import StoreError
from airnub_core.store.factory import open_store
from airnub_prefect.errors import ConfigurationError


@pytest.fixture
def vault(tmp_path, system):
    """A vault with one backup."""
    made = FolderVault(tmp_path / "vault")
    copy_system(system, made)
    return made


def files_of(folder):
    """All files outside of caches."""
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and not {".airnub", ".stage", "prefect", "tmp"} & set(path.relative_to(folder).parts)
    }


def test_an_empty_system_is_restored(vault, state, empty):
    """Runs, files with their times, objects and the index are the same, and verified."""
    done = restore_system(DevSystem(empty), vault, chosen(vault, None))
    assert runs(empty) == ["umber-toucan"]
    assert files_of(empty.folder) == files_of(state.folder)
    [store] = done.integrity.stores
    assert (store.path, store.objects, store.damaged) == ("data/shop", 2, [])
    with open_store(state.folder / "data/shop") as (_, old), open_store(empty.folder / "data/shop") as (_, new):
        assert list(new.current("shop")) == list(old.current("shop"))
    assert not (empty.folder / ".airnub-restore").exists()


def test_a_system_that_is_not_empty_is_refused(vault, state):
    """Its content is named, and kept."""
    before = files_of(state.folder)
    with pytest.raises(
        BackupError, match=r"expected an empty system, found the database .*; data, reports in .*--replace"
    ):
        restore_system(DevSystem(state), vault, chosen(vault, None))
    assert files_of(state.folder) == before


def test_existing_data_is_replaced_on_request(vault, state):
    """Everything newer than the backup is removed, and named."""
    fill(state.folder / "data" / "shop", {"later": b"later"})
    done = restore_system(DevSystem(state), vault, chosen(vault, None), replace=True)
    assert len(done.replaced) == 2
    assert done.integrity.stores[0].objects == 2
    assert runs(state) == ["umber-toucan"]


def test_an_interrupted_restore_is_recognised(vault, state, empty):
    """It counts as content until it is replaced."""
    empty.folder.mkdir()
    (empty.folder / ".airnub-restore").touch()
    with pytest.raises(BackupError, match="a restore that was interrupted"):
        restore_system(DevSystem(empty), vault, chosen(vault, None))
    restore_system(DevSystem(empty), vault, chosen(vault, None), replace=True)
    assert files_of(empty.folder) == files_of(state.folder)


def test_a_damaged_vault_restores_nothing_wrong(vault, empty):
    """The error has the damaged content."""
    path = next(path for path in vault.root.glob("objects/??/*") if path.read_bytes() == b"one")
    path.write_bytes(b"two")
    with pytest.raises(StoreError, match=f"expected 3 bytes of {path.name}"):
        restore_system(DevSystem(empty), vault, chosen(vault, None))


def test_a_backup_without_a_content_removes_nothing(vault, state):
    """Existing data is kept, also with --replace."""
    next(path for path in vault.root.glob("objects/??/*") if path.read_bytes() == b"one").unlink()
    before = files_of(state.folder)
    with pytest.raises(StoreError, match=r"expected the content .* found none \(1 contents are missing\)"):
        restore_system(DevSystem(state), vault, chosen(vault, None), replace=True)
    assert files_of(state.folder) == before
    assert runs(state) == ["umber-toucan"]


def test_a_manifest_is_checked_before_anything_is_written(vault, empty):
    """A path outside of the data root is refused."""
    [path] = (vault.root / "backups").glob("*.json")
    path.write_text(path.read_text().replace('"reports/report.md"', '"../report.md"'))
    with pytest.raises(StoreError, match="expected a path below the data root"):
        restore_system(DevSystem(empty), vault, chosen(vault, None))
    assert not empty.folder.exists()


def test_a_system_that_is_older_is_refused(vault, empty):
    """Prefect migrates a database only forwards."""
    [path] = (vault.root / "backups").glob("*.json")
    path.write_text(path.read_text().replace('"prefect":"', '"prefect":"9'))
    with pytest.raises(BackupError, match=r"expected Prefect 9.* or later"):
        restore_system(DevSystem(empty), vault, chosen(vault, None))


def test_a_system_that_runs_is_refused(vault, empty):
    """`airnub dev` has locked its folder."""
    with held(empty), pytest.raises(ConfigurationError, match="found that another `airnub dev` uses it"):
        restore_system(DevSystem(empty), vault, chosen(vault, None), replace=True)


def test_a_backup_is_chosen_by_its_name(vault):
    """Without a name the newest; an unknown name is refused."""
    [name] = vault.names()
    assert chosen(vault, None) == chosen(vault, name) == name
    with pytest.raises(BackupError, match=f"expected the backup nothing in .*, found {name}"):
        chosen(vault, "nothing")
    with pytest.raises(BackupError, match="expected a complete backup"):
        chosen(FolderVault(vault.root / "none"), None)


def test_restored_files_may_be_read_as_before(vault, empty):
    """Their permissions are those of data, not those of the vault."""
    restore_system(DevSystem(empty), vault, chosen(vault, None))
    mode = stat.S_IMODE((empty.folder / "reports" / "report.md").stat().st_mode)
    umask = os.umask(0)
    os.umask(umask)
    assert mode == 0o666 & ~umask

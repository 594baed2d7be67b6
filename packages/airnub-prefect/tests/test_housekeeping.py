"""Housekeeping as a flow does it: what it reports, and how it fails."""

import asyncio
from pathlib import Path

import pytest
from department_for_tests.settings import IngestionSettings


@pytest.fixture
def keep(prefect_here, tmp_path, fill_store, monkeypatch):
    """Run it on a store with an object; what it returns, and events about disks that it sends with a limit."""
    from prefect import flow
    from prefect.variables import Variable

    from airnub_prefect import disk
    from airnub_prefect.housekeeping import clean_up_department

    fill_store(tmp_path / "store", {"a": b"x"})
    name = f"housekeeping_{tmp_path.name}"
    monkeypatch.setattr(IngestionSettings, "variable", classmethod(lambda _kind: name))
    Variable.set(name, {"store": str(tmp_path / "store")}, overwrite=True)
    sent = []
    monkeypatch.setattr(disk, "emit_event", lambda event, resource, payload: sent.append((event, resource, payload)))

    @flow
    async def housekeeping():
        return await clean_up_department(IngestionSettings)

    yield lambda: asyncio.run(housekeeping()), sent
    Variable.unset(name)


def full(monkeypatch):
    """Every disk of this process, to 95 %."""
    import shutil

    # Sizes of a disk cannot be made; all else is real.
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: shutil._ntuple_diskusage(100 << 30, 95 << 30, 5 << 30))


@pytest.mark.parametrize(("named", "expected"), [(None, "runs of department_for_tests"), ("berlin", "berlin")])
def test_a_disk_that_fills_is_reported(keep, monkeypatch, tmp_path, named, expected):
    """By the event that the alert waits for, of a name that is the same for every run of the department."""
    run, sent = keep
    monkeypatch.delenv("AIRNUB_MACHINE", raising=False)
    if named:
        monkeypatch.setenv("AIRNUB_MACHINE", named)
    assert run().errors == {}
    assert sent == []
    full(monkeypatch)
    assert run().disks[0].used == 0.95
    [(event, resource, payload)] = sent
    assert (event, resource["prefect.resource.id"]) == ("airnub.disk.filling", f"airnub.disk.{expected}")
    assert (payload["percent"], Path(payload["path"])) == (95, tmp_path / "store")


def test_the_table_has_numbers_before_paths(tmp_path):
    """A row for each place, and one for the free space of each disk."""
    from airnub_prefect.cleanup import Cleanup, Disk, Kept
    from airnub_prefect.housekeeping import table_rows

    kept = Kept("store", str(tmp_path), 3, 42, removed_files=1, removed_size=7)
    rows = table_rows(Cleanup(dry_run=False, kept=[kept], disks=[Disk(str(tmp_path), 100, 25, 75)]))
    assert [list(row) for row in rows] == [
        ["what", "files", "bytes", "removed files", "removed bytes", "place"],
        ["what", "bytes", "place"],
    ]
    assert [(row["what"], row["bytes"]) for row in rows] == [("store", 42), ("free space (disk 75% used)", 25)]


def test_what_could_not_be_cleaned_up_fails_the_run(keep, tmp_path):
    """It is named, after everything was reported."""
    from airnub_prefect.errors import HousekeepingFailedError

    (tmp_path / "store" / ".airnub" / "partial").write_bytes(b"not a folder")
    run, _ = keep
    with pytest.raises(HousekeepingFailedError, match="store"):
        run()

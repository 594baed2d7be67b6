"""Disk use."""

import shutil
import socket

import pytest


@pytest.fixture
def sent(monkeypatch):
    """Events as they are handed to Prefect: name, resource and payload."""
    from airnub_prefect import disk

    found = []
    monkeypatch.setattr(disk, "emit_event", lambda event, resource, payload: found.append((event, resource, payload)))
    return found


def test_the_share_is_that_of_df(tmp_path, sent):
    """Blocks that only root may use count neither as used nor as free."""
    from airnub_prefect.disk import DiskUse, disk

    assert DiskUse("/", total=100, free=9, used=81).share == 0.9
    assert disk(tmp_path, limit=1).total == shutil.disk_usage(tmp_path).total
    assert sent == []


def test_a_disk_above_the_limit_is_an_event(tmp_path, sent, monkeypatch):
    """With the machine, the path, and how much is free."""
    from airnub_prefect.disk import disk

    use = disk(tmp_path, limit=-1)
    [(event, resource, payload)] = sent
    machine = socket.gethostname()
    assert event == "airnub.disk.filling"
    assert resource == {"prefect.resource.id": f"airnub.disk.{machine}", "prefect.resource.name": machine}
    assert payload == {
        "machine": machine, "path": str(tmp_path), "percent": round(use.share * 100),
        "free_gib": round(use.free / 2**30, 1), "total_gib": round(use.total / 2**30, 1),
    }  # fmt: skip
    monkeypatch.setenv("AIRNUB_MACHINE", "berlin-2")
    disk(tmp_path, limit=-1)
    assert sent[-1][1]["prefect.resource.id"] == "airnub.disk.berlin-2"


def test_a_path_that_does_not_exist_is_an_error(tmp_path, sent):
    """It is not taken for an empty disk."""
    from airnub_prefect.disk import disk

    with pytest.raises(FileNotFoundError):
        disk(tmp_path / "gone")

"""What the tests of the store share: bytes on their way into it."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from answers import answered, requested

from airnub_core.store import durability
from airnub_core.store.clock import timestamp
from airnub_core.store.manifest import Manifest, url_digest
from airnub_core.store.stager import Stager
from airnub_core.store.staging_folder import StagingFolder
from airnub_core.store.write_ahead_log import WriteAheadLog


@pytest.fixture
def listed(monkeypatch):
    """The folders that this process lists, in their order, each as often as it does.

    Not by an audit hook: it stays for good, and with one CPython 3.11 may refuse a new thread under coverage.
    """
    folders = []

    def heard(name):
        listing = getattr(os, name)

        def listen(path=".", *rest):
            if isinstance(path, str | os.PathLike):
                folders.append(Path(path))
            return listing(path, *rest)

        return listen

    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, heard(name))
    return folders


@pytest.fixture
def staging(tmp_path):
    """A staging folder of this process, in the store in `tmp_path`."""
    with StagingFolder(tmp_path / ".airnub" / "staging") as own:
        yield own


@pytest.fixture
def stage(staging):
    """Stage bytes of a URL."""
    stager = Stager(staging.folder, "own")

    def one(content=b"content", url="http://h/a", name="a.csv", source="s", headers=(), sent_at=None):
        received = answered(requested(url, source), headers=headers, sent_at=sent_at or timestamp(time.time()))
        return stager.stage(content, received, name)

    yield one
    stager.close()


@pytest.fixture
def log(staging):
    """The write-ahead log of this process."""
    begun = WriteAheadLog(staging.folder, "own")
    yield begun
    begun.close()


@pytest.fixture
def stage_logged(staging, stage, log):
    """Stage bytes of a URL, and log them."""

    def one(content=b"content", *arguments, **named):
        staged = stage(content, *arguments, **named)
        folder = Path(staged.folder)
        manifest = (folder / f"{staged.file_name}.manifest.json").read_bytes()
        log.add(folder.relative_to(staging.folder).as_posix(), manifest, content)
        log.flush()
        return staged._replace(is_logged=True)

    return one


@pytest.fixture(params=["syncfs", "one by one"])
def synced(request, monkeypatch):
    """What was synced, both ways of making things durable: files and folders, or `None` for the whole file system."""
    paths = []
    if request.param == "one by one":
        monkeypatch.setattr(durability, "_syncfs", None)
    elif durability._syncfs is None:
        pytest.skip("only Linux can sync a whole file system")
    monkeypatch.setattr(durability, "_sync_file_system", lambda _root: paths.append(None))
    monkeypatch.setattr(durability, "_sync", lambda path: paths.append(Path(path)))
    return paths


@pytest.fixture
def manifest():
    """Makes a manifest of a URL with a digest of one digit, fetched on a day of January."""

    def make(url, digit, day, source="s"):
        return Manifest(
            source=source,
            url=url,
            url_digest=url_digest(url),
            final_url=url,
            path=f"{source}/{digit}",
            file_name="a",
            original_file_name="a",
            digest=f"sha256:{digit * 64}",
            size=1,
            headers={"etag": '"e"', "last-modified": "then"},
            fetched_at=datetime(2026, 1, day, tzinfo=UTC),
        )

    return make


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def place(request, tmp_path):
    """Where an index is: a file that is not there yet, or the URL of an empty schema."""
    return tmp_path / "index.sqlite" if request.param == "sqlite" else request.getfixturevalue("postgres_url")

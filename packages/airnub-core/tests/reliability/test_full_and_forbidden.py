"""Stores that cannot be written: full, without inodes, read-only, forbidden, removed, or with too few open files."""

import asyncio
import os
import shutil
import subprocess
from contextlib import suppress

import pytest
from crash_lab.runs import Job, Run, run_to_end
from crash_lab.site import Site, mixed_files
from crash_lab.truth import hidden, whole

from airnub_core import FileSource, NetworkSettings, Status, StoreError, ingest_files, open_engine, open_store, verify
from airnub_core.store import objects


@pytest.fixture
def site():
    """Some 12 MiB in 40 files."""
    with Site(
        mixed_files("full", small=30, medium=5, large=0) | {"/8.bin": bytes(range(256)) * 32768}, 0.002
    ) as running:
        yield running


@pytest.fixture
def runs(tmp_path):
    """Where what runs leave for us goes."""
    return tmp_path / "runs"


def run_in_need(job, runs, site, prefix=(), meanwhile=lambda _run: None):
    """A run that cannot do all: it says so as the API promises, and what it reports as safe is safe.

    Returns:
        What it said of the store, and the errors of items that failed.
    """
    with Run(job, runs, prefix) as run:
        meanwhile(run)
        status = run.end()
    assert "Traceback" not in run.stderr, run.stderr
    assert status in (0, 3), run.events[-3:]
    told = [event["message"] for event in run.all("store_error")]
    failed = [event["error"]["message"] for event in run.outcomes().values() if event["outcome"] == "failed"]
    assert len(told) == (status == 3)
    return told, failed, run


def finish(job, runs, site, root):
    """The next run, with nothing in its way, does the rest and leaves nothing behind."""
    complete = whole(root, site.truth())
    finished = run_to_end(job, runs)
    assert finished.reported() == whole(root, site.truth()) == set(site.truth())
    with open_store(root) as (store, index):
        assert verify(store).damaged == []
        assert {row.url for source in job.sources for row in index.current(source)} == set(site.truth())
    assert not hidden(root)
    return complete


@pytest.mark.system
def test_a_full_disk_is_told_and_the_next_run_with_room_does_the_rest(site, runs, mounted):
    """No space for the bytes: an error that says so, nothing half-written counts, and room is all that is needed."""
    place = mounted("-t", "tmpfs", "-o", "size=6m", "none")
    job = Job(str(place / "store"), {"full": site.urls()})
    told, failed, run = run_in_need(job, runs, site)
    assert any("No space left on device" in message for message in told + failed), told + failed
    assert run.reported() <= whole(place / "store", site.truth())
    subprocess.run(["mount", "-o", "remount,size=100m", str(place)], check=True)
    finish(job, runs, site, place / "store")


def test_a_disk_that_is_full_when_the_store_is_closed(runs, mounted, monkeypatch):
    """All is stored, and then the last write finds the disk full: an error that says what to do, nothing is left
    behind, no lock is held, and all that was reported is there.
    """
    monkeypatch.setattr(objects, "LEFT", 0)
    place = mounted("-t", "tmpfs", "-o", "size=30m", "none")
    root, fill = place / "store", place / "fill"
    network = NetworkSettings(allow_private_hosts=True)
    with Site({f"/{number}": b"file %d" % number for number in range(30)}, 0) as small:
        sources = [FileSource(name="full", urls=small.urls())]

        async def ingest(at_the_end):
            async with open_engine(root, network) as engine:
                outcomes = await ingest_files(engine, sources)
                at_the_end()
            return outcomes

        def fill_up():
            with suppress(OSError), fill.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))

        with pytest.raises(StoreError) as error:
            asyncio.run(ingest(fill_up))
        assert "No space left on device; free space, or inodes, on its file system" in str(error.value)
        assert not hidden(root)
        assert whole(root, small.truth()) == set(small.truth())
        fill.unlink()
        outcomes = asyncio.run(ingest(lambda: None))
        assert {outcome.kind for outcome in outcomes} == {Status.UNCHANGED}


@pytest.mark.system
def test_a_disk_without_inodes_is_told_and_the_next_run_with_room_does_the_rest(site, runs, mounted, tmp_path):
    """No inode for another file, on ext4: the same."""
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("there is no mkfs.ext4 here")
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-N", "80", str(image)], check=True)
    place = mounted("-o", "loop", image)
    root = place / "store"
    fill = place / "fill"
    fill.mkdir()
    free = os.statvfs(place).f_favail
    for number in range(max(0, free - 60)):
        (fill / str(number)).touch()
    job = Job(str(root), {"full": site.urls()})
    told, failed, run = run_in_need(job, runs, site)
    assert any("No space left on device" in message for message in told + failed), told + failed
    assert run.reported() <= whole(root, site.truth())
    # Room is made as an operator would: by a larger disk.
    shutil.rmtree(place / "lost+found")
    roomy = tmp_path / "roomy"
    shutil.copytree(root, roomy)
    finish(Job(str(roomy), job.sources), runs, site, roomy)


@pytest.mark.system
def test_a_read_only_store_is_told(site, runs, mounted):
    """Nothing can be written, not even the index: the run fails at once and says why, and the store is as it was."""
    place = mounted("-t", "tmpfs", "-o", "size=100m", "none")
    root = place / "store"
    urls = site.urls()
    run_to_end(Job(str(root), {"first": urls[:10]}), runs)
    job = Job(str(root), {"first": urls})
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    told, failed, run = run_in_need(job, runs, site)
    # SQLite has words of its own for it.
    assert any("ead-only file system" in text or "readonly database" in text for text in told + failed), told + failed
    assert not {url for url, one in run.outcomes().items() if one["outcome"] in ("stored", "updated")}
    assert whole(root, site.truth()) == set(urls[:10])
    subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
    finish(job, runs, site, root)


@pytest.mark.system
@pytest.mark.parametrize("forbidden", [".", "full", "hidden"])
def test_a_forbidden_folder_is_told(site, runs, tmp_path, forbidden):
    """A folder of the store that may not be written: an error that says so; with leave to write, the rest is done."""
    prefix = []
    if os.geteuid() == 0:
        # Root may write everywhere, unless it is told that it may not.
        if shutil.which("setpriv") is None:
            pytest.skip("root may write everywhere, and there is no setpriv to forbid it")
        prefix = [
            "setpriv",
            "--bounding-set=-dac_override,-dac_read_search",
            "--inh-caps=-dac_override,-dac_read_search",
        ]
    root = tmp_path / "store"
    urls = site.urls()
    run_to_end(Job(str(root), {"full": urls[:10]}), runs)
    [hidden_folder] = [path for path in root.glob(".*") if path.is_dir()]
    folder = hidden_folder if forbidden == "hidden" else root / forbidden
    closed = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in closed:
        path.chmod(0o555)
    job = Job(str(root), {"full": urls})
    told, failed, run = run_in_need(job, runs, site, prefix)
    for path in closed:
        path.chmod(0o755)
    assert any(
        "ermission denied" in text or "readonly database" in text or "unable to open" in text for text in told + failed
    )
    assert whole(root, site.truth()) >= run.reported() | set(urls[:10])
    finish(job, runs, site, root)


@pytest.mark.system
def test_a_store_removed_while_running_is_told(site, runs, tmp_path):
    """Everything under the run is removed: it says so or fetches on, reports nothing as safe that is not, and the next
    run does all.
    """
    root = tmp_path / "store"
    job = Job(str(root), {"full": site.urls()})
    site.pause = 0.02

    def remove(run):
        run.wait_for("open")
        while not site.answers:
            run.wait_for("open")
        root.rename(tmp_path / "removed")
        shutil.rmtree(tmp_path / "removed", ignore_errors=True)

    told, failed, run = run_in_need(job, runs, site, meanwhile=remove)
    assert told or failed, "expected a run that notices"
    assert run.reported() <= whole(root, site.truth())
    finish(job, runs, site, root)


@pytest.mark.system
def test_few_open_files_are_enough_or_told(site, runs, tmp_path):
    """1,000 connections are asked for where 64 files may be open: what cannot be had fails by name, nothing is lost."""
    root = tmp_path / "store"
    files = {f"/tiny/{number}": b"%d\n" % number for number in range(400)}
    with Site(files, pause=0.05) as busy:
        wide = {"connections": 1000, "connections_per_host": 1000, "attempts": 2}
        job = Job(str(root), {"tiny": busy.urls()}, network=wide, open_files=64)
        told, failed, run = run_in_need(job, runs, busy)
        if told or failed:
            assert any("open files" in text or "file descriptor" in text for text in told + failed), told + failed
        assert run.reported() <= whole(root, busy.truth())
        finish(Job(str(root), job.sources), runs, busy, root)


@pytest.mark.system
def test_a_thousand_open_files_are_enough(runs, tmp_path):
    """A limit of 1,000 open files, near the default of many systems, and 400 connections, each with a file that it
    may be writing: everything is stored.
    """
    files = {f"/tiny/{number}": b"%d\n" % number for number in range(1200)}
    with Site(files, pause=0.05) as busy:
        wide = {"connections": 400, "connections_per_host": 400}
        job = Job(str(tmp_path / "store"), {"tiny": busy.urls()}, network=wide, open_files=1000)
        assert run_to_end(job, runs).reported() == set(busy.truth()) == whole(tmp_path / "store", busy.truth())

"""Power loss: real file systems on a disk that forgets what was not flushed."""

import os
import random
import shutil
import threading
from contextlib import contextmanager

import pytest
from crash_lab.disk import FILE_SYSTEMS, Disk, PowerLosses
from crash_lab.runs import LOGGED, Job, Run
from crash_lab.site import Site, mixed_files
from crash_lab.truth import hidden, whole

from airnub_core import open_store, verify

POWER_LOSSES = int(os.environ.get("AIRNUB_POWER_LOSSES", "6"))


def test_the_disk_forgets_what_was_not_flushed(tmp_path):
    """The method itself: what was synced outlives every later power loss; a file that was only renamed loses its bytes
    in some of them, which is what a store must be safe against.
    """
    with Disk(tmp_path / "disk", "ext4") as disk:
        (disk.place / "safe").write_bytes(b"safe" * 5000)
        os.sync()
        synced = disk.now()
        (disk.place / "unsafe").mkdir()
        (disk.place / "unsafe" / "file").write_bytes(b"unsafe" * 5000)
        (disk.place / "unsafe").rename(disk.place / "renamed")
        with (disk.place / "other").open("wb") as other:
            os.fsync(other.fileno())
        end = disk.now()
    losses = PowerLosses(disk, tmp_path / "losses", random.Random(1))
    lost = set()
    for position in (synced, *losses.positions(synced, end), end):
        with losses.at(position) as place:
            assert (place / "safe").read_bytes() == b"safe" * 5000
            renamed = place / "renamed" / "file"
            lost.add(renamed.read_bytes() == b"unsafe" * 5000 if renamed.exists() else None)
    assert lost >= {None, False}, (
        "expected a power loss before the rename, and one that leaves the name without its bytes"
    )


MIXED = {"small": 120, "medium": 8, "large": 1}
SMALL = {"small": 150, "medium": 0, "large": 0}


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.parametrize("kind", FILE_SYSTEMS)
@pytest.mark.parametrize(("sizes", "tuned"), [(MIXED, {}), (SMALL, LOGGED)], ids=["mixed", "logged"])
def test_what_was_reported_outlives_a_power_loss(kind, sizes, tuned, tmp_path):
    """Whenever the power goes, whatever of the unsynced writes is lost: what was reported as stored is there and whole
    once the store is opened, and after the next run everything is. Also where nothing but redo logs is synced.
    """
    chance = random.Random(kind)
    reports = []
    with Site(mixed_files(kind, **sizes), pause=0.003) as site:
        sources = {"first": site.urls()[::2], "second": site.urls()[1::2]}
        with Disk(tmp_path / "disk", kind) as disk:
            start = disk.now()
            job = Job(str(disk.place / "store"), sources, tuned=tuned)
            with (
                commits(disk.place / "other", chance),
                Run(job, tmp_path / "runs", on_event=lambda event: reports.append((disk.now(), event))) as run,
            ):
                run.succeed()
            end = disk.now()
            logs = list(disk.place.glob("store/.airnub/staging/*/redo/*.log"))
        # Where they are enough, they are left, unless the last batch came just when a sync was due anyway.
        assert tuned or not logs, "expected no logs to be left where everything was synced"
        assert run.reported() == set(site.truth())
        reported = [(position, event["url"]) for position, event in reports if event["event"] == "outcome"]
        losses = PowerLosses(disk, tmp_path / "losses", chance)
        # Half of them just after something was reported, when it is dearest to be wrong.
        moments = chance.choices([position for position, _ in reported], k=POWER_LOSSES // 2)
        moments += chance.choices(losses.positions(start, end), k=POWER_LOSSES - len(moments))
        for moment in sorted(moments):
            safe = {url for position, url in reported if position <= moment}
            with losses.at(moment) as place:
                recover(
                    Job(str(place / "store"), sources, pause=True), site, safe, tmp_path, f"power lost at {moment:,}"
                )
    shutil.rmtree(tmp_path / "losses")


@contextmanager
def commits(path, chance):
    """Somebody else's file is synced now and then: the file system's journal is committed at moments that no run chose,
    with names in it whose bytes are not on the disk yet.
    """
    over = threading.Event()

    def commit():
        while not over.wait(chance.uniform(0.005, 0.05)):
            with path.open("ab") as file:
                file.write(b"x")
                file.flush()
                os.fsync(file.fileno())

    thread = threading.Thread(target=commit)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def recover(job, site, safe, tmp_path, said):
    """Open the store, then run, and what must hold after each of them."""
    root, truth = tmp_path / job.root, site.truth()
    with Run(job, tmp_path / "runs") as run:
        run.wait_for("open")
        # What no run reported may be damaged until a run comes to it.
        missing = safe - whole(root, truth, forgiving=True)
        assert not missing, (
            f"{said}: {len(missing)} of {len(safe)} were reported and are not there: {sorted(missing)[:5]}"
        )
        run.go_on()
        run.succeed()
    assert run.reported() == set(truth), said
    assert whole(root, truth) == set(truth), said
    with open_store(root) as (store, _):
        assert verify(store).damaged == [], said
    assert not hidden(root), said

"""SIGKILL at random moments of runs of mixed files, and what later runs make of what is left."""

import os
import random
import shutil
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from crash_lab.runs import LOGGED, Job, Run
from crash_lab.site import MIB, Site, mixed_files
from crash_lab.truth import hidden, whole

from airnub_core import open_store, verify

KILLS = int(os.environ.get("AIRNUB_KILLS", "12"))
CASES = 4
"""Tests that the kills are dealt out to: half of them kill all processes of a run, half only the first."""
SMALL = {"small": 150, "medium": 0, "large": 0}


@pytest.mark.system
@pytest.mark.slow
@pytest.mark.parametrize("victim", ["group", "parent"])
@pytest.mark.parametrize(("sizes", "tuned"), [({}, {}), (SMALL, LOGGED)], ids=["mixed", "logged"])
def test_killed_runs_lose_nothing_and_the_next_one_ends_their_work(tmp_path, victim, sizes, tuned):
    """Whenever they are killed, also while they make up for an earlier kill: everything visible is whole, what was
    reported is there, nothing that was complete is fetched again; and a run that is left alone ends with exactly the
    right set and leaves nothing behind. Also where nothing but redo logs is synced.
    """
    seed = f"{victim} {len(tuned)}"
    chance = random.Random(seed)
    with Site(mixed_files(seed, **sizes), pause=0.004) as site:
        length = length_of_a_run(Job(str(tmp_path / "calm"), {"kills": site.urls()}), site, tmp_path)
        kills, stores = 0, 0
        while kills < KILLS / CASES:
            stores += 1
            assert stores <= 2 * KILLS + 10, f"expected kills to hit runs, found {kills} in {stores} stores"
            job = Job(str(tmp_path / f"store-{stores}"), {"kills": site.urls()}, tuned=tuned)
            left = length
            for _ in range(chance.randint(1, 3)):
                delay = chance.uniform(0.005, left)
                kills += killed(job, site, delay, victim, tmp_path, look=chance.random() < 0.5)
                left = max(left - delay, 0.1)
            finished(replace(job, tuned={}), site, tmp_path)
            assert hidden(tmp_path / job.root).keys() == hidden(tmp_path / "calm").keys()
            shutil.rmtree(job.root)


@pytest.mark.system
@pytest.mark.parametrize("changed", [False, True], ids=["the same file", "changed meanwhile"])
def test_a_large_file_goes_on_where_a_kill_cut_it(tmp_path, changed):
    """The next run asks for the rest alone, unless the file has changed: then nothing of the old bytes is used."""
    old, new = (random.Random(name).randbytes(12 * MIB) for name in ("old", "new"))
    with Site({"/large.bin": old}, pause=0.02) as site:
        job = Job(str(tmp_path / "store"), {"kills": site.urls()})
        with Run(job, tmp_path / "runs") as run:
            run.wait_for("open")
            site.wait_until_sent("/large.bin", 8 * MIB)
            run.kill_group()
            run.end()
        site.settle()
        assert whole(tmp_path / "store", site.truth()) == set()
        cut = site.bytes_sent()[site.url("/large.bin")]
        if changed:
            site.change("/large.bin", new)
        with Run(job, tmp_path / "runs") as run:
            assert run.succeed().reported() == set(site.truth())
        site.settle()
        sent = site.bytes_sent()[site.url("/large.bin")] - cut
        assert whole(tmp_path / "store", site.truth()) == set(site.truth())
        assert sent == len(new) if changed else 0 < sent < len(old) - MIB, f"{sent:,} bytes were sent after {cut:,}"
        assert not hidden(tmp_path / "store")


def length_of_a_run(job, site, tmp_path):
    """Seconds that a run takes when nobody disturbs it, without its imports."""
    with Run(job, tmp_path / "runs") as run:
        run.wait_for("ready")
        started = time.monotonic()
        run.wait_for("round")
        length = time.monotonic() - started
        run.succeed()
    assert run.reported() == whole(tmp_path / job.root, site.truth()) == set(site.truth())
    return length


def killed(job, site, delay, victim, tmp_path, *, look):
    """A run that is killed `delay` seconds after its imports, and all that must hold then.

    Returns whether the kill hit it alive. With `look`, the store is opened afterwards, as somebody would who wonders
    what became of it.
    """
    root, truth = tmp_path / job.root, site.truth()
    complete = whole(root, truth)
    with nothing_sent_again(site, complete), Run(job, tmp_path / "runs") as run:
        run.wait_for("ready")
        time.sleep(delay)
        run.kill_group() if victim == "group" else run.kill_parent()
        status = run.end()
    said = f"killed after {delay:.3f} s, {len(run.reported())} of {len(truth)} reported"
    assert status in (0, -9), f"{said}: {status} {run.stderr}"
    assert not run.all("store_error"), said
    missing = (complete | run.reported()) - whole(root, truth)
    assert not missing, f"{said}: {sorted(missing)} were there or reported, and are not there"
    if look and root.exists():
        with open_store(root) as (store, _):
            assert verify(store).damaged == [], said
    return status == -9


def finished(job, site, tmp_path):
    """A run that nobody disturbs, and all that must hold then."""
    root, truth = tmp_path / job.root, site.truth()
    with nothing_sent_again(site, whole(root, truth)), Run(job, tmp_path / "runs") as run:
        run.succeed()
    assert run.reported() == whole(root, truth) == set(truth)
    with open_store(root) as (store, index):
        assert verify(store).damaged == []
        assert {row.url for row in index.current("kills")} == set(truth)


@contextmanager
def nothing_sent_again(site, complete):
    """Meanwhile, no byte of what is complete is sent: a 304 at most."""
    site.settle()
    before = site.bytes_sent()
    yield
    site.settle()
    again = sorted((site.bytes_sent() - before).keys() & complete)
    assert not again, f"{len(again)} of {len(complete)} that were complete were sent again: {again[:5]}"

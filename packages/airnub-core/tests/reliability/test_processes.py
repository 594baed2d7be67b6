"""Several processes on one store at once."""

import contextlib
import os
import random
import signal
import time

import pytest
from crash_lab.runs import Job, Run
from crash_lab.site import Site, mixed_files
from crash_lab.truth import hidden, manifests, whole

from airnub_core import open_store, verify


@pytest.mark.system
@pytest.mark.parametrize("processes", [2, 8])
def test_processes_that_fetch_the_same_store_each_object_once(tmp_path, processes):
    """All end well, each object is there once, with a manifest for each URL, and the index knows every one."""
    root = tmp_path / "store"
    with Site(mixed_files(processes, small=60, medium=4, large=1), pause=0.001) as site:
        job = Job(str(root), {"shared": site.urls()})
        with contextlib.ExitStack() as all_of_them:
            runs = [all_of_them.enter_context(Run(job, tmp_path / "runs")) for _ in range(processes)]
            for run in runs:
                run.succeed()
        assert [run.reported() for run in runs] == [set(site.truth())] * processes
        assert whole(root, site.truth()) == set(site.truth())
        claims = [manifest["url"] for manifest in manifests(root)]
        assert len(claims) == len(set(claims)), "each URL has one manifest"
        with open_store(root) as (store, index):
            assert verify(store).damaged == []
            assert {row.url for row in index.current("shared")} == set(site.truth())
        assert not hidden(root)


@pytest.mark.system
def test_a_killed_process_does_not_disturb_the_others(tmp_path):
    """One of three is killed in the middle: the others end well, and nothing of it is left after the next run."""
    root = tmp_path / "store"
    with Site(mixed_files("three", small=60, medium=4, large=1), pause=0.004) as site:
        job = Job(str(root), {"shared": site.urls()})
        with contextlib.ExitStack() as all_of_them:
            killed, *others = [all_of_them.enter_context(Run(job, tmp_path / "runs")) for _ in range(3)]
            killed.wait_for("open")
            for run in others:
                run.wait_for("open")
            killed.kill_group()
            killed.end()
            for run in others:
                assert run.succeed().reported() == set(site.truth())
        assert whole(root, site.truth()) == set(site.truth())
        with Run(job, tmp_path / "runs") as run:
            assert {one["outcome"] for one in run.succeed().outcomes().values()} == {"unchanged"}
        assert not hidden(root)


@pytest.mark.system
def test_a_run_whose_second_process_is_killed(tmp_path):
    """It ends as if nothing had happened: every file is there, each has one outcome, and nothing else is left."""
    root = tmp_path / "store"
    chance = random.Random(12)
    files = mixed_files("second", small=400, medium=10, large=2)
    with Site(files, pause=0.004) as site, Run(Job(str(root), {"shared": site.urls()}), tmp_path / "runs") as run:
        run.wait_for("open")
        killed = set()
        while len(killed) < 2 and not run.all("end"):
            time.sleep(chance.uniform(0.02, 0.3))
            for worker in run.workers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
                    killed.add(worker)
        assert killed, "expected a second process while the run was under way"
        run.succeed()
        assert run.reported() == set(run.outcomes()) == set(site.truth())
        assert whole(root, site.truth()) == set(site.truth())
        with open_store(root) as (store, index):
            assert verify(store).damaged == []
            assert {row.url for row in index.current("shared")} == set(site.truth())
        assert not hidden(root)

"""The processes that run the tests: how many, and that they can be forked."""

import os

import pytest


def pytest_configure() -> None:
    """The allocator of polars starts no threads of its own in processes that tests fork.

    Twice in ten whole runs such a process ended by a segmentation fault in a thread that is not Python's.
    """
    os.environ.setdefault("_RJEM_MALLOC_CONF", "background_thread:false")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One and a half for each core, since fast tests wait for a third of their time; whole systems bring their own.

    On two cores the README's tests took 187 s by three processes, and 267 s by two before some were moved. `-n` and
    xdist's variable say another number.
    """
    if config.option.markexpr != "not system" or "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + cores // 2

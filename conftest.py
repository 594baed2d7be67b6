"""How many processes run the tests."""

import os

import pytest


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One and a half for each core, since fast tests wait for a third of their time; whole systems bring their own.

    On two cores the README's tests take 187 s by three processes, and 230 s by two. `-n` and xdist's variable say
    another number.
    """
    if config.option.markexpr != "not system" or "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + cores // 2

"""The processes that run the tests: how many, and that they can be forked; `--one-case`; and the mark `example`."""

import os
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent / "departments" / "project_alpha"


def pytest_configure() -> None:
    """The allocator of polars starts no threads of its own in processes that tests fork.

    Twice in ten whole runs such a process ended by a segmentation fault in a thread that is not Python's.
    """
    os.environ.setdefault("_RJEM_MALLOC_CONF", "background_thread:false")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests that need the example department where `airnub adopt --without-example` took it out."""
    if item.get_closest_marker("example") and not EXAMPLE.is_dir():
        pytest.skip(f"needs the example department, {EXAMPLE.name}, which this repository does not have")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option of the stage `alone` in `.ci/run`."""
    parser.addoption("--one-case", action="store_true", help="Run the first case alone of each test with parameters.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect every case but the first one, whatever the order of the items, so that all processes keep the same."""
    if not config.option.one_case:
        return
    first: dict[str, pytest.Item] = {}
    for item in sorted(items, key=_case):
        first.setdefault(item.nodeid.partition("[")[0], item)
    kept = set(first.values())
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def _case(item: pytest.Item) -> tuple[int, ...]:
    return tuple(item.callspec.indices.values()) if hasattr(item, "callspec") else ()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One and a half for each core, since tests wait for a third of their time or more.

    On two cores the README's tests took 187 s by three processes, and 267 s by two before some were moved. Those with a
    Prefect server wait for it, a process of its own, most of their time. `-n` and xdist's variable say another number.
    """
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + cores // 2

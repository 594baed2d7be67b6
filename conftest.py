"""The processes that run the tests: how many, where they write, and that they can be forked; `--first-of`; marks.

Nothing here blocks the network: tests use servers on loopback (CONTRIBUTING.md).
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")  # noqa: S108  # a file system in memory, not a file that others could have made
_LEAST_FREE = 4 * 1024**3
_SERVERS = {"endpoint", "postgres_server", "s3"}
EXAMPLE = Path(__file__).parent / "departments" / "project_alpha"


def pytest_configure(config: pytest.Config) -> None:
    """Set what processes of the tests inherit.

    The allocator of polars starts no threads of its own in processes that tests fork: twice in ten whole runs such a
    process ended by a segmentation fault in a thread that is not Python's.

    Temporary folders are in memory, except for whole systems, which need much room: `fsync` and the removal of files on
    a disk took a third of the processor time that the tests of the store and of datasets spend in the system. What a
    disk does in a power loss is tested on file systems of their own (packages/airnub-core/tests/reliability).
    """
    os.environ.setdefault("_RJEM_MALLOC_CONF", "background_thread:false")
    if config.option.markexpr == "not system" and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _LEAST_FREE:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests that need the example department where `airnub adopt --without-example` took it out."""
    if item.get_closest_marker("example") and not EXAMPLE.is_dir():
        pytest.skip(f"needs the example department, {EXAMPLE.name}, which this repository does not have")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option of tests that run once more in a different environment."""
    parser.addoption(
        "--first-of",
        choices=("test", "file"),
        help="Run only the first case of each test with parameters, or the first test of each file.",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Mark what needs PostgreSQL or S3 as `system`, before pytest selects by markers; with `--first-of` deselect all of
    the selected items but the first ones, whatever the order of the items, so that all processes keep the same.
    """
    for item in items:
        if _SERVERS.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.system)
    yield
    if config.option.first_of is None:
        return
    first: dict[str, pytest.Item] = {}
    for item in sorted(items, key=_place):
        first.setdefault(str(item.path) if config.option.first_of == "file" else item.nodeid.partition("[")[0], item)
    kept = set(first.values())
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = [item for item in items if item in kept]


def _place(item: pytest.Item) -> tuple[int, ...]:
    """Where a test stands in its file, then the places of its parameters."""
    line = item.location[1] or 0
    return (line, *(item.callspec.indices.values() if hasattr(item, "callspec") else ()))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """One and a half processes for each core, since tests wait for a third of their time; two for whole systems.

    On two cores the README's tests took 187 s with three processes, and 267 s with two before some were moved. Tests of
    whole systems wait for other processes half of their time: the stage `system` took 871 and 951 s with four, and
    1,258 s with three on a different machine. `-n` and xdist's environment variable override the number.
    """
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 2 * cores if config.option.markexpr.startswith("system") else cores + cores // 2

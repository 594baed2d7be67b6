"""The clock of the programs: seconds and processor time of a block, including its child processes."""

import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def clocked(figures: dict[str, object]) -> Iterator[None]:
    """Add `seconds` and `cpu` of the block to `figures`."""
    started, cpu = time.perf_counter(), _cpu()
    yield
    figures["cpu"] = _cpu() - cpu
    figures["seconds"] = time.perf_counter() - started


def say(figures: dict[str, object]) -> None:
    """Print the figures for the parent process."""
    print(json.dumps(figures), flush=True)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)

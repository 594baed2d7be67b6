"""Processes: one piece of work for many items, on all cores."""

import gc
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

FEW = 8
"""For fewer items no process is started."""
_CHUNKS = 8


def map_in_processes(
    work: Callable[[T], R], items: Sequence[T], prepare: Callable[[], None], begin: Callable[[], None]
) -> list[R]:
    """The results of all items, in their order.

    Processes are forked: what is imported before them is there in each, and costs nothing more.

    Args:
        work: what is done with each; a function of a module.
        items: handed to the processes.
        prepare: imports what all of them need, before they are forked.
        begin: what each of them does first.
    """
    if len(items) < FEW or not can_fork():
        return [work(item) for item in items]
    prepare()
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Otherwise each collection would write to, and so copy, what processes share.
    gc.collect()
    gc.freeze()
    try:
        context = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(min(cores, len(items)), mp_context=context, initializer=begin) as pool:
            return list(pool.map(work, items, chunksize=max(1, len(items) // (cores * _CHUNKS))))
    except BrokenProcessPool:
        # One of the items ends its process; here it shows as it would without processes.
        return [work(item) for item in items]
    finally:
        gc.unfreeze()


def can_fork() -> bool:
    """Whether a process can be forked without harm: elsewhere than on Linux libraries do not expect it."""
    return sys.platform == "linux" and threading.active_count() == 1

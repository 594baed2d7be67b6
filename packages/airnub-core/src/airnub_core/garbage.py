"""Garbage: Python looks for it less often while many items are on their way.

It counts what is made and kept, and after every 700 looks at what is new, now and then at everything. Of a job's items,
results and outcomes nothing is garbage until the end; looking all the same took a tenth of the time of 5,000 small
files (the ingest benchmark's set S), and takes longer where a process has imported much.
"""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

RARELY = (100_000, 20, 20)
"""Thresholds, as `gc.set_threshold` takes them: memory that only a cycle holds is freed later, and still freed."""

_lock = threading.Lock()
_blocks = 0
_before = gc.get_threshold()


@contextmanager
def collected_rarely() -> Iterator[None]:
    """While such a block runs, in any thread; then as before."""
    global _blocks, _before  # the collector is one for the whole process
    with _lock:
        if _blocks == 0:
            _before = gc.get_threshold()
            gc.set_threshold(*RARELY)
        _blocks += 1
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            if _blocks == 0:
                gc.set_threshold(*_before)

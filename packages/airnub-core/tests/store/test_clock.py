"""The clock of an index."""

import subprocess
import sys
from datetime import UTC, datetime

from airnub_core.store.clock import elapsed, timestamp


def test_it_is_one_for_all_processes_of_a_machine():
    """What a process has measured, those that it starts may go by."""
    code = "from airnub_core.store.clock import elapsed; print(elapsed())"
    before = elapsed()
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert before < float(done.stdout) < elapsed()


def test_texts_have_the_order_of_the_times():
    """Also in the microsecond of a million that has no fraction."""
    times = [1_700_000_000.0, 1_700_000_000.000001, 1_700_000_000.5, 1_700_000_001.0]
    texts = list(map(timestamp, times))
    assert texts == sorted(texts)
    assert texts == [datetime.fromtimestamp(time, UTC).isoformat() for time in times]

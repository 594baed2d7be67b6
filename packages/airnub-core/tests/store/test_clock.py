"""The clock of an index."""

import subprocess
import sys
from datetime import UTC, datetime

from airnub_core.store.clock import elapsed, time_of, timestamp


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


def test_the_time_of_an_index_is_read_behind_its_answer():
    """How long an index takes to say what its clock is does not make the time earlier."""

    class Slow:
        def clock(self):
            self.asked = elapsed()
            return 1_000.0

    index = Slow()
    assert time_of(index) >= timestamp(index.asked + 1_000.0)

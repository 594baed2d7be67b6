"""The clock of an index, read without asking the index.

Workers order their answers by when their requests were sent, and their machines' clocks differ. An index says once in a
while how far its clock is from `elapsed`; from then on its time is known without a question.
"""

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

# CLOCK_MONOTONIC stands still while Linux sleeps, and goes on on macOS, which knows no CLOCK_BOOTTIME.
_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds, the same in all processes of a machine: never set, and going on while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


class HasClock(Protocol):
    """An index."""

    def clock(self) -> float:
        """What to add to `elapsed` for its time, in seconds since 1970."""


def time_of(index: HasClock) -> str:
    """What time it is by the clock of an index, in ISO 8601; read as late as possible."""
    ahead = index.clock()
    return timestamp(elapsed() + ahead)


def timestamp(seconds: float) -> str:
    """Seconds since 1970 in ISO 8601, in UTC, as `datetime` writes them; texts have the order of the times."""
    whole, microseconds = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{_second(whole)}.{microseconds:06}+00:00" if microseconds else f"{_second(whole)}+00:00"


@lru_cache(16)
def _second(seconds: int) -> str:
    """It is the same for many requests, and costs more than the rest."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:-6]

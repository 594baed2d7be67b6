"""Clock of an index, computed from a local monotonic clock.

Responses are ordered by when their requests were sent, and the clocks of machines differ. `Index.clock` returns the
offset from `elapsed` to the time of the index, which is cached, so that reading the time needs no query.
"""

import time
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # processes that download need no index
    from airnub_core.store.index import Index

# On Linux CLOCK_MONOTONIC stops during suspend; on macOS it does not, and there is no CLOCK_BOOTTIME.
elapsed = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"""Monotonic time in seconds, the same in all processes of a machine; includes time in suspend."""


def time_of(index: "Index") -> str:
    """The current time by the clock of an index, in ISO 8601 and UTC."""
    ahead = index.clock()
    return timestamp(elapsed() + ahead)


def timestamp(seconds: float) -> str:
    """Format seconds since 1970 in ISO 8601 and UTC, as `datetime` does; the texts sort like the times."""
    whole, microseconds = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{_second(whole)}.{microseconds:06}+00:00" if microseconds else f"{_second(whole)}+00:00"


@lru_cache(16)
def _second(seconds: int) -> str:
    """Format a whole second; cached, since it costs the most and is the same for many requests."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:-6]

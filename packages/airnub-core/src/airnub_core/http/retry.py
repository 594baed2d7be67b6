"""Backoff: the time to wait before a retry; one policy for every client."""

import random
from datetime import UTC, datetime

from airnub_core.errors import HttpStatusError

FIRST_WAIT = 0.5
LONGEST_WAIT = 60.0


def wait_after(error: BaseException | None, attempt: int) -> float:
    """Seconds to wait after an attempt, counted from 1: what the server asked for, or the backoff where that is longer.

    Exponential backoff with full jitter:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    backoff = random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (attempt - 1)))  # noqa: S311  # no secret
    asked = error.retry_after if isinstance(error, HttpStatusError) else None
    return max(asked or 0.0, backoff)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, from either form of the header (RFC 9110, 10.2.3); `None` when absent or unreadable."""
    if value is None:
        return None
    digits = value.strip()
    if digits.isascii() and digits.isdigit():
        return float(digits)
    from email.utils import parsedate_to_datetime  # seldom needed, and slow to import

    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())

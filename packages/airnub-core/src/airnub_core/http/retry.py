"""Retries: which errors are retried, and after what time; one policy for files, APIs, pages and `Engine.client`.

An error is retried if it is `transient` (`errors`): no connection, a timeout, a violated protocol, a truncated body, a
lost worker process, and the statuses 408, 425, 429 and 5xx. The setting `attempts` is the most attempts. A method that
is not idempotent is sent once, unless the request allows retries, and so is a body that cannot be sent again
(`request.Transfer`). A response whose beginning was delivered already is not retried. `client` applies these rules,
`worker_pool` repeats the jobs of a lost process, and a Prefect task is retried by `is_retryable` too.
"""

import random
from datetime import UTC, datetime

from airnub_core.errors import HttpStatusError, IngestError

FIRST_WAIT = 0.5
"""Longest backoff in seconds after the first attempt; doubled for each further one."""
LONGEST_WAIT = 60.0
"""Longest backoff in seconds after any attempt."""
LONGEST_RETRY_AFTER = 600.0
"""Seconds; after a longer `Retry-After` there is no retry in this run, and the next run requests the URL again."""


def is_retryable(error: BaseException) -> bool:
    """Whether a retry of the same request may succeed."""
    if isinstance(error, HttpStatusError) and (error.retry_after or 0) > LONGEST_RETRY_AFTER:
        return False
    return isinstance(error, IngestError) and error.transient


def wait_after(error: BaseException | None, attempt: int) -> float:
    """Seconds to wait after an attempt, counted from 1: the server's Retry-After, or the backoff if that is longer.

    Exponential backoff with full jitter:
    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    backoff = random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (attempt - 1)))  # noqa: S311  # no secret
    asked = error.retry_after if isinstance(error, HttpStatusError) else None
    return max(asked or 0.0, backoff)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Parse a Retry-After header, a number or a date, into seconds (RFC 9110, 10.2.3); `None` if absent or invalid."""
    if value is None:
        return None
    digits = value.strip()
    if digits.isascii() and digits.isdigit():
        return float(digits)
    from email.utils import parsedate_to_datetime  # rarely needed, and slow to import

    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())

"""Retries: what may heal is asked again, after a wait that grows, is never the same, and honours `Retry-After`."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential

from airnub_core.errors import HttpStatusError, ItemError

FIRST_WAIT = 0.5
LONGEST_WAIT = 60.0
LONGEST_RETRY_AFTER = 600.0
"""Seconds; a server that asks for more is asked again by the next run."""

# Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
_backoff = wait_random_exponential(multiplier=FIRST_WAIT, max=LONGEST_WAIT)


def retrying(attempts: int, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> AsyncRetrying:
    """Up to `attempts` attempts; the last error is raised as it is. Tests bring a `sleep` of their own."""
    return AsyncRetrying(
        sleep=sleep,
        stop=stop_after_attempt(attempts),
        wait=wait,
        retry=retry_if_exception(may_heal),
        reraise=True,
    )


def may_heal(error: BaseException) -> bool:
    """Whether asking again soon can help."""
    if isinstance(error, HttpStatusError) and (error.retry_after or 0) > LONGEST_RETRY_AFTER:
        return False
    return isinstance(error, ItemError) and error.transient


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, from either form of the header (RFC 9110, 10.2.3); `None` when absent or unreadable."""
    if value is None:
        return None
    if value.strip().isascii() and value.strip().isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())


def wait(state: RetryCallState) -> float:
    """Seconds before the next attempt: what the server asked for, or the backoff where that is longer."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, HttpStatusError) else None
    return max(asked or 0.0, _backoff(state))

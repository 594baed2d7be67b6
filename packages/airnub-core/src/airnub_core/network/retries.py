"""Retries of coroutines: what `backoff` says may heal is asked again, after the wait that it says."""

import asyncio
from collections.abc import Awaitable, Callable

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from airnub_core.errors import is_retryable
from airnub_core.network.backoff import wait_after


def retrying(attempts: int, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> AsyncRetrying:
    """Up to `attempts` attempts; the last error is raised as it is. Tests bring a `sleep` of their own."""
    return AsyncRetrying(
        sleep=sleep,
        stop=stop_after_attempt(attempts),
        wait=wait,
        retry=retry_if_exception(is_retryable),
        reraise=True,
    )


def wait(state: RetryCallState) -> float:
    """Seconds before the next attempt."""
    return wait_after(state.outcome.exception() if state.outcome else None, state.attempt_number)

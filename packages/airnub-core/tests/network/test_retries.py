"""Retries."""

import asyncio

import pytest

from airnub_core.errors import ConnectionFailedError, HttpStatusError, TooLargeError
from airnub_core.network.backoff import FIRST_WAIT, LONGEST_WAIT
from airnub_core.network.retries import retrying

URL = "http://h/"


def attempt_all(attempts, *errors):
    """Raise these errors one after the other; how often it was tried, the waits, and the error at last."""
    waits, tried = [], 0
    coming = iter(errors)

    async def sleep(seconds):
        waits.append(seconds)

    async def main():
        nonlocal tried
        async for attempt in retrying(attempts, sleep):
            with attempt:
                tried += 1
                if (error := next(coming, None)) is not None:
                    raise error

    try:
        asyncio.run(main())
    except Exception as error:  # noqa: BLE001  # any is an answer
        return tried, waits, error
    return tried, waits, None


def test_what_heals_is_tried_again():
    """Two broken connections and a success are three attempts."""
    tried, waits, error = attempt_all(4, ConnectionFailedError(URL, "a"), ConnectionFailedError(URL, "b"))
    assert (tried, len(waits), error) == (3, 2, None)


def test_the_last_error_is_raised_as_it_is():
    """Not the retry library's own."""
    errors = [HttpStatusError(URL, 500 + number) for number in range(3)]
    tried, _, error = attempt_all(3, *errors)
    assert (tried, error) == (3, errors[2])


@pytest.mark.parametrize("error", [HttpStatusError(URL, 404), TooLargeError(URL, 1), ValueError("a bug")])
def test_what_cannot_heal_is_tried_once(error):
    """A missing page, a file that is too large, and our own mistakes."""
    assert attempt_all(4, error) == (1, [], error)


def test_waits_grow_up_to_a_limit():
    """Each wait is drawn from twice the range of the one before."""
    _, waits, _ = attempt_all(20, *(ConnectionFailedError(URL, "x") for _ in range(20)))
    for number, seconds in enumerate(waits):
        assert 0 <= seconds <= min(LONGEST_WAIT, FIRST_WAIT * 2 ** (number + 1))


def test_the_server_may_ask_for_a_longer_wait():
    """`Retry-After` is the least that is waited."""
    _, [seconds], error = attempt_all(2, HttpStatusError(URL, 429, retry_after=120))
    assert seconds >= 120
    assert error is None

"""Retries."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.errors import ConnectionFailedError, HttpStatusError, TooLargeError
from airnub_core.network.retries import FIRST_WAIT, LONGEST_WAIT, may_heal, parse_retry_after, retrying

URL = "http://h/"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


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


@pytest.mark.parametrize("seconds", [601, float("inf")])
def test_a_wait_that_is_too_long_is_left_to_the_next_run(seconds):
    """A server that asks for more than ten minutes is not asked again now."""
    assert not may_heal(HttpStatusError(URL, 503, retry_after=seconds))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0),
        (" 120 ", 120),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        ("Thu, 01 Jan 2026 00:01:00", 60),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("", None),
        ("9" * 5000, float("inf")),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999", None),
        ("Mon, 01 Jan 99999 00:00:00 GMT", None),
        ("Mon, 32 Jan 2024 00:00:00 GMT", None),
    ],
)
def test_both_forms_of_retry_after(value, seconds):
    """Seconds or a date; a date in the past is now, and what cannot be read is as if it were not there."""
    assert parse_retry_after(value, NOW) == seconds


@given(st.text())
def test_no_value_is_an_error(value):
    """Whatever a server writes, it is a wait or nothing."""
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or seconds >= 0

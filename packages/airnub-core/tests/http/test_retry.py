"""Retries: which errors, and after what time."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airnub_core.errors import ConnectionFailedError, HttpStatusError, StoreError, TooLargeError
from airnub_core.http.retry import FIRST_WAIT, LONGEST_WAIT, is_retryable, parse_retry_after, wait_after

URL = "http://h/"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (ConnectionFailedError(URL, "x"), True),
        (HttpStatusError(URL, 503), True),
        (HttpStatusError(URL, 503, retry_after=600), True),
        (HttpStatusError(URL, 404), False),
        (TooLargeError(URL, 1), False),
        (StoreError("/store", "full"), False),
        (ValueError("a bug"), False),
    ],
)
def test_what_is_retryable(error, retryable):
    """What an item met on its way, and not what is wrong with us."""
    assert is_retryable(error) is retryable


@pytest.mark.parametrize("seconds", [601, float("inf")])
def test_a_wait_that_is_too_long_is_left_to_the_next_run(seconds):
    """A server that asks for more than ten minutes is not asked again now."""
    assert not is_retryable(HttpStatusError(URL, 503, retry_after=seconds))


@given(st.integers(1, 1000))
def test_a_wait_is_within_the_backoff(attempt):
    """Each is drawn from twice the range of the one before, up to a limit."""
    assert (
        0
        <= wait_after(ConnectionFailedError(URL, "x"), attempt)
        <= min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (attempt - 1))
    )


def test_the_server_may_ask_for_more():
    """What it asks for is the least that is waited; where it asks for less, the backoff counts."""
    assert wait_after(HttpStatusError(URL, 429, retry_after=120), 1) == 120
    assert 0 <= wait_after(HttpStatusError(URL, 429, retry_after=0), 1) <= FIRST_WAIT
    assert 0 <= wait_after(None, 1) <= FIRST_WAIT


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

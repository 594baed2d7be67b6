"""Words for exit statuses."""

import pytest

from airnub_prefect.exit_status import described


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (137, "killed (signal 9)"),
        (-9, "killed (signal 9)"),
        (143, "ended by SIGTERM (signal 15)"),
        (-11, "ended by SIGSEGV (signal 11)"),
        (1, "exit status 1"),
        (125, "exit status 125"),
        (255, "exit status 255"),
    ],
)
def test_a_status_is_described(status, expected):
    """As Python and as containers say it; a kill is never called out of memory."""
    assert described(status) == expected


def test_out_of_memory_is_said_where_the_engine_says_so():
    """And the signal with it."""
    assert described(137, out_of_memory=True).startswith("out of memory")
    assert "signal 9" in described(137, out_of_memory=True)

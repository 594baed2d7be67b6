"""Parts of a body; servers that answer with them are in `test_resuming`."""

import pytest

from airnub_core.http.ranges import UnfitPartError, check_part
from airnub_core.store.partials import Note

NOTE = Note("s", "http://h/a", "digest", '"v1"', 0, "", 100)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-range": "bytes 40-99/100"},
        {"content-range": "bytes 40-99/*"},
        {"content-range": "BYTES 40-99/100", "content-length": "60", "etag": '"v1"', "content-encoding": "identity"},
        {"content-range": "bytes 40-59/100", "content-length": "20"},
    ],
)
def test_a_part_that_fits(headers):
    """It begins where it was asked for, and nothing says that it is of a different version."""
    check_part("http://h/a", headers, NOTE, 40)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-range": "bytes 41-99/100"},
        {"content-range": "bytes 39-99/100"},
        {"content-range": "items 40-99/100"},
        {"content-range": "bytes */100"},
        {"content-range": "bytes 40-99/101"},
        {"content-range": "bytes 40-99/100", "content-length": "59"},
        {"content-range": "bytes 40-99/100", "etag": '"v2"'},
        {"content-range": "bytes 40-99/100", "content-encoding": "gzip"},
    ],
)
def test_a_part_that_does_not_fit(headers):
    """The error has what the server said of it."""
    with pytest.raises(UnfitPartError, match="from byte 40 on") as error:
        check_part("http://h/a", headers, NOTE, 40)
    assert headers.get("content-range", "no Content-Range") in str(error.value)

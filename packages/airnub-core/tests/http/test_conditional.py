"""Conditional requests: validators, and when a 304 is valid."""

import pytest

from airnub_core.http.conditional import condition, may_be_unmodified

URL = "http://example.org/a"


@pytest.mark.parametrize(
    ("validators", "lines"),
    [
        ({}, []),
        ({"etag": '"1"'}, ['If-None-Match: "1"']),
        ({"last_modified": "Mon"}, ["If-Modified-Since: Mon"]),
        ({"etag": 'W/"1"', "last_modified": "Mon"}, ['If-None-Match: W/"1"', "If-Modified-Since: Mon"]),
    ],
)
def test_a_request_with_validators_may_get_a_304(job, new_transfer, validators, lines):
    """Each validator is sent as the server wrote it; without any, a 304 is not valid."""
    request = job(URL, **validators)
    assert condition(request) == lines
    assert may_be_unmodified(new_transfer(request)) == bool(lines)

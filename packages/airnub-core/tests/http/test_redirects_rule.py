"""What a request takes along when it is sent on; servers that redirect are in `test_redirects`."""

import pytest

from airnub_core.errors import RefusedUrlError
from airnub_core.http.redirects import Going, sent_on
from airnub_core.http.streams import BytesContent
from airnub_core.http.url import parse_url

HERE = "http://h/a"
HEADERS = {"x-key": "k", "Content-Type": "text/plain"}


def going(method, status, there="http://h/b", content=b"x"):
    """What is left after a redirect: the method, whether there is a body, and names of headers."""
    body = None if content is None else BytesContent(content)
    left = sent_on(HERE, Going(method, body, HEADERS), parse_url(HERE, HERE), parse_url(HERE, there), status)
    return left.method, left.content is not None, sorted(left.headers)


@pytest.mark.parametrize(
    ("method", "status", "after"),
    [
        ("POST", 301, "GET"),
        ("POST", 302, "GET"),
        ("POST", 303, "GET"),
        ("PUT", 303, "GET"),
        ("DELETE", 303, "GET"),
        ("POST", 307, "POST"),
        ("POST", 308, "POST"),
        ("PUT", 301, "PUT"),
        ("PUT", 302, "PUT"),
    ],
)
def test_methods_and_bodies(method, status, after):
    """A body goes where its method goes, and the headers that describe it with it."""
    headers = ["Content-Type", "x-key"] if after != "GET" else ["x-key"]
    assert going(method, status) == (after, after != "GET", headers)


def test_head_stays():
    """Whatever the status."""
    assert {going("HEAD", status, content=None)[0] for status in (301, 302, 303, 307, 308)} == {"HEAD"}


@pytest.mark.parametrize("there", ["https://h/", "http://h:81/", "http://g/"])
def test_another_origin(there):
    """It gets no header; a body is not sent to it."""
    assert going("GET", 302, there, content=None) == ("GET", False, [])
    assert going("POST", 302, there) == ("GET", False, [])
    with pytest.raises(RefusedUrlError, match="expected one origin for a body"):
        going("POST", 307, there)

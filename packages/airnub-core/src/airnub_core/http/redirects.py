"""Redirects: which statuses are followed, and which method, headers and body the next request has (RFC 9110, 15.4).

A different origin (scheme, host, port) gets no headers of the source, hence no credentials, and no body. Headers
dropped once are not sent again, even if a later redirect leads back to the first origin. Every target gets the
validators, or the range, of the known version or the partial body (`conditional`), which its final target once sent.
A cookie without a domain is sent to its own origin only, others as servers scoped them (`cookies`). `max_redirects`
limits their number.
"""

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from airnub_core.errors import RefusedUrlError
from airnub_core.http.url import Url

if TYPE_CHECKING:
    from airnub_core.http.request import Content

STATUSES = frozenset({301, 302, 303, 307, 308})
"""Statuses that are followed if the response has a Location header."""
_OF_CONTENT = frozenset({"content-type", "content-encoding", "content-language", "content-location"})
"""Request headers that describe the body, and are dropped with it."""


class Going(NamedTuple):
    """Method, body and headers of a request, which a redirect may change."""

    method: str
    content: "Content | None"
    headers: dict[str, str]
    """Request headers of the source."""


def sent_on(asked: str, going: Going, here: Url, there: Url, status: int) -> Going:
    """Return method, body and headers of the request that follows a redirect, by its status.

    Raises:
        RefusedUrlError: the body would be sent to a different origin, or is a stream that cannot be sent again.
    """
    method, content, headers = going
    is_foreign = there.origin != here.origin
    is_post_moved = method == "POST" and status in {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND}
    if is_post_moved or (status == HTTPStatus.SEE_OTHER and method != "HEAD"):
        method, content = "GET", None
        headers = {name: value for name, value in headers.items() if name.lower() not in _OF_CONTENT}
    if content is not None:
        found = f"a redirect {status} of a {method} with a body"
        if is_foreign:
            raise RefusedUrlError(asked, f"{found} to {there.scheme}://{there.host}", "one origin for a body")
        if not content.can_rewind:
            raise RefusedUrlError(asked, f"{found} that is a stream", "a body that can be sent again")
    return Going(method, content, {} if is_foreign else headers)

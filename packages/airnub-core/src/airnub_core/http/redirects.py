"""Redirects: which statuses are followed, and what goes along (RFC 9110, 15.4).

To another origin (scheme, host, port) goes no header of the source, and so no credential, and no body. What was left
behind is not sent again where a redirect leads back; cookies have rules of their own in `cookies`. How many are
followed is a limit, `max_redirects`.
"""

from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from airnub_core.errors import RefusedUrlError
from airnub_core.http.url import Url

if TYPE_CHECKING:
    from airnub_core.http.request import Content

STATUSES = frozenset({301, 302, 303, 307, 308})
"""Statuses that send on to another URL, where there is a Location."""
_OF_CONTENT = frozenset({"content-type", "content-encoding", "content-language", "content-location"})
"""Headers of a request that describe its body, and go with it."""


class Going(NamedTuple):
    """What a request takes along."""

    method: str
    content: "Content | None"
    headers: dict[str, str]
    """Of the source."""


def sent_on(asked: str, going: Going, here: Url, there: Url, status: int) -> Going:
    """What a request takes along from one URL to the next.

    Args:
        asked: the first URL, which an error names.
        going: what it had.
        here: where it was sent on.
        there: where to.
        status: of the redirect, which says whether the method stays.

    Raises:
        RefusedUrlError: its body would go to another origin, or cannot be sent again.
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

"""Conditional requests: when a server may respond with 304 Not Modified, and what a 304 means (RFC 9110, 13).

1. If the index has the URL and the store its object, the request has the validators of the last response:
   `If-None-Match` (ETag) and `If-Modified-Since` (Last-Modified). With `--force` it has none.
2. A 304 means that the bytes are those of the known object. The response has no body, and nothing is published. The
   index row gets the time and the new validators (`commit`), and the outcome is `unchanged`.
3. A caller that needs the bytes reads the known object. If that is damaged, `Engine.read` sends the request again
   without validators.
4. A 304 to a request without validators is an `HttpStatusError`; `Engine.client`, which adds none, returns it as a
   response. The request for the rest of a partial body has `If-Range` instead; a 304 to it makes the client request the
   complete body.
"""

from typing import TYPE_CHECKING

from airnub_core.http.headers import is_visible

if TYPE_CHECKING:  # processes that download need no index
    from airnub_core.http.request import Request, Transfer
    from airnub_core.store.index import IndexRow

NOT_MODIFIED = 304


def validators(known: "IndexRow") -> tuple[str | None, str | None]:
    """ETag and Last-Modified of a known URL; `None` for one with characters that cannot be sent back."""
    etag, modified = known.etag, known.last_modified
    return etag if etag and is_visible(etag) else None, modified if modified and is_visible(modified) else None


def condition(request: "Request") -> list[str]:
    """The header lines with the validators of a request."""
    lines = [f"If-None-Match: {request.etag}"] if request.etag else []
    return [*lines, f"If-Modified-Since: {request.last_modified}"] if request.last_modified else lines


def may_be_unmodified(transfer: "Transfer") -> bool:
    """Whether the request of a transfer has validators, so that 304 is a valid status of its response."""
    return transfer.part is None and bool(transfer.request.etag or transfer.request.last_modified)

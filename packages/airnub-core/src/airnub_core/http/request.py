"""Requests and responses as plain values, and the transfer: a request in progress over redirects and retries."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from airnub_common import ALGORITHM, redact_url
from airnub_core.errors import ItemError
from airnub_core.http.conditional import condition
from airnub_core.http.headers import sendable
from airnub_core.http.limits import Limits
from airnub_core.http.redirects import Going, sent_on
from airnub_core.http.url import Url, parse_url
from airnub_core.store.layout import Staged

if TYPE_CHECKING:  # processes that download need no index
    from airnub_core.http.body_sink import Body, Sink
    from airnub_core.http.cookies import Cookies
    from airnub_core.store.index import IndexRow
    from airnub_core.store.partials import ResumeInfo

IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Idempotent methods, which are retried by default (RFC 9110, 9.2.2)."""


class Request(NamedTuple):
    """A request for one URL of one source, with the source's limits."""

    number: int
    """Identifies the request within one call of the engine."""
    source: str
    url: str
    """The complete URL; it is redacted wherever it is written."""
    url_digest: str
    """The key of the URL in the index; empty if the response is not stored."""
    limits: Limits
    headers: Mapping[str, str] = {}
    """Request headers of the source, including secrets; sent only to the URL's own origin."""
    etag: str | None = None
    """Validator of the known version; the response may be a 304 (`conditional`)."""
    last_modified: str | None = None
    """The second validator."""
    previous_digest: str | None = None
    """Digest of the bytes that the index has for the URL."""
    page: str | None = None
    """The page that the URL was found on."""
    title: str | None = None
    """Title of the link on that page."""
    clock: float = 0.0
    """Offset from `elapsed` to the time of the index, in seconds since 1970."""
    known: "IndexRow | None" = None
    """The row of the URL in the index; the last field, since it is not sent to downloading processes."""

    def __repr__(self) -> str:
        """Representation without secrets, since code of departments may print responses."""
        return f"Request(number={self.number}, source={self.source!r}, url={redact_url(self.url)!r})"


class Response(NamedTuple):
    """The result of a request: an HTTP response, or an error."""

    request: Request
    """The request; the first field, since worker processes send only its number back."""
    attempts: int
    error: ItemError | None = None
    status: int = 0
    final_url: str = ""
    """The URL after redirects, without its fragment."""
    headers: Mapping[str, str] = {}
    """Response headers, names in lower case, repeated ones joined; for downloads of many files only the validators."""
    sent_at: str = ""
    """When the request was sent, by the clock of the index: ISO 8601 in UTC."""
    staged: Staged | None = None
    """The staged body; `None` for a 304 response, and for a body in memory."""
    content: bytes = b""
    """The body, if it was requested in memory; of an error response its beginning."""
    lines: Sequence[bytes] = ()
    """The raw header lines of the final response, if the sink takes all statuses (`Sink.takes_all`)."""

    def __repr__(self) -> str:
        """Representation without secrets and without the body."""
        return f"Response({self.request!r}, status={self.status}, staged={self.staged!r}, error={self.error!r})"

    @property
    def digest(self) -> str:
        """Digest of the current bytes of the URL: of the staged body, or after a 304 of the known object."""
        if self.staged is not None:
            return f"{ALGORITHM}:{self.staged.hex_digits}"
        assert self.request.known is not None, "only requests for known URLs have validators"
        return self.request.known.digest


class Content(Protocol):
    """A request body; read in the client's thread."""

    @property
    def size(self) -> int | None:
        """Size in bytes; `None` if it is not known."""

    @property
    def can_rewind(self) -> bool:
        """Whether the body can be sent again."""

    def rewind(self) -> None:
        """Restart at the first byte."""

    def read(self, most: int) -> bytes | None:
        """Return the next chunk of at most `most` bytes; empty at the end, `None` if none is available yet."""


class Transfer:
    """A request in progress, over redirects and retries; `Scheduler` queues it by its host."""

    def __init__(
        self,
        request: Request,
        sink: "Sink",
        *,
        cookies: "Cookies | None" = None,
        method: str = "GET",
        content: Content | None = None,
        may_repeat: bool | None = None,
    ) -> None:
        """Validate URL and headers, and create a transfer.

        Args:
            request: the request and its limits.
            sink: receives the response.
            cookies: a cookie jar shared with other requests; `None` for a jar of its own.
            method: the method, in upper case.
            content: the request body.
            may_repeat: whether the request may be retried; `None` allows it if the method is idempotent.

        Raises:
            RefusedUrlError: the URL is invalid, or not http or https.
            RefusedHeaderError: a header has characters that HTTP does not allow.
        """
        limits = request.limits
        self.request = request
        self.limits = limits
        self.sink = sink
        self.url = request.url
        """The URL originally requested, for error messages."""
        self._go_to(parse_url(request.url, request.url))
        self.per_host = limits.connections_per_host
        self.per_second = limits.requests_per_second_per_host
        self.attempts = 0
        self.redirects = 0
        self.started = 0.0
        """Start of the current attempt, by the monotonic clock."""
        self.sent = 0.0
        """Start of the last request, including redirects, by the clock `elapsed`."""
        self.body: Body | None = None
        """The partial body of an earlier attempt or run, to be resumed."""
        self.headers = sendable(request.url, request.headers) if request.headers else {}
        """Request headers of the source; empty after a redirect to a different origin."""
        self.cookies = cookies
        self.method = method
        self.content = content
        self.original = method, content, cookies
        """Method, body and cookies of the first request, restored for a retry."""
        repeatable = method in IDEMPOTENT if may_repeat is None else may_repeat
        if content is not None and not content.can_rewind:
            repeatable = False
        self.most_attempts = limits.attempts if repeatable else 1
        self.last: Response | None = None
        """The last error response, with the beginning of its body, if the sink takes all statuses."""
        self.is_truncated = False
        """Whether that body is truncated."""

    @property
    def part(self) -> "ResumeInfo | None":
        """Resume information of the partial body; the rest is requested with a range request."""
        return None if self.body is None else self.body.resumable

    def follow(self, target: Url, status: int) -> None:
        """Follow a redirect, whose status decides whether the method is kept (RFC 9110, 15.4).

        A different origin gets no headers of the source and no body, nor does any later redirect.

        Raises:
            RefusedUrlError: the body of the request cannot be sent there.
        """
        going = Going(self.method, self.content, self.headers)
        self.method, self.content, self.headers = sent_on(self.url, going, self.target, target, status)
        if self.content is not None:
            self.content.rewind()
        self.redirects += 1
        self._go_to(target)

    def reset(self) -> None:
        """Reset the transfer for a retry, which starts with the original URL."""
        self.method, self.content, self.cookies = self.original
        if self.redirects:
            self.redirects = 0
            self._go_to(parse_url(self.url, self.url))
            self.headers = sendable(self.url, self.request.headers)
        if self.content is not None:
            self.content.rewind()

    def header_lines(self) -> list[str]:
        """The request header lines, without those that all requests have.

        A range request is conditional on its `If-Range` only, not on the validators of the known version.
        """
        lines: list[str] = []
        for name, value in self.headers.items():
            if name != "cookie":
                # libcurl sends an empty header only if it is written with a semicolon.
                lines.append(f"{name}: {value}" if value else f"{name};")
        if self.body is not None and (part := self.body.resumable) is not None:
            return [*lines, f"Range: bytes={self.body.size}-", f"If-Range: {part.etag}"]
        if self.request.etag or self.request.last_modified:
            lines += condition(self.request)
        return lines

    def _go_to(self, target: Url) -> None:
        self.target = target
        self.host = f"{target.host}:{target.port}"
